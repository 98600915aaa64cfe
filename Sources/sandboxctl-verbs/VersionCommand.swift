import ArgumentParser
import SandboxClient
import SandboxExec
import SandboxModel

struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version of sandboxctl, and the service's where one answers.")
    static let version = "0.1.0"

    private struct Report: Encodable {
        var sandboxctl = VersionCommand.version
        var sandboxd: String?
        var `protocol`: Int?
    }

    @OptionGroup var service: SocketOption
    @Flag(help: "Print a JSON object.") var json = false

    func run() async throws {
        var report = Report()
        // Without a service there is one version less to print.
        if let client = try? await Service.running(socket: service.socket) {
            report.sandboxd = client.server.server
            report.protocol = client.server.protocolVersion
        }
        if json {
            Descriptor.output.write(try JSONLine.bytes(report))
            return
        }
        Descriptor.output.write("sandboxctl \(report.sandboxctl)\n")
        if let sandboxd = report.sandboxd, let number = report.protocol {
            Descriptor.output.write("service: \(sandboxd), protocol \(number)\n")
        }
    }
}
