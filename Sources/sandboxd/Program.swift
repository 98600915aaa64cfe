import ArgumentParser

@main
enum Program {
    static func main() {
        if let options = StartUpOptions(ofPrivateDaemon: CommandLine.arguments.dropFirst()) {
            StartUp(options: options).perform()
        }
        Sandboxd.main()
    }
}
