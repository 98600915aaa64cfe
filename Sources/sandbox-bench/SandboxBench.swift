import ArgumentParser
import Glibc

/// What sandboxes cost, how they end, what they are charged for and what they leave behind.
///
/// Every subcommand but the first starts a service of its own from the programs beside this one, with policies in a
/// temporary directory, and finds its processes by their numbers alone. The programs that run inside are bounded in time,
/// memory and number: without a sandbox around them they would do no harm either.
@main
struct SandboxBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox-bench",
        abstract: "Measure what sandboxes cost, how they end, and what they leave behind.",
        subcommands: [Compare.self, LimitsBench.self, Accuracy.self, Flood.self, Soak.self],
        defaultSubcommand: Compare.self)
}

/// A service has its launcher started by root.
func requireRoot() throws {
    guard geteuid() == 0 else { throw ValidationError("this starts a sandboxd of its own, which takes root") }
}

/// Says what goes on, on standard error: standard output is the report's.
func progress(_ text: String) {
    var line = "sandbox-bench: \(text)\n"
    line.withUTF8 { buffer in _ = write(STDERR_FILENO, buffer.baseAddress, buffer.count) }
}
