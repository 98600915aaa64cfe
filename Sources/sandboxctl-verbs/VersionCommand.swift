import ArgumentParser
import LaunchPlan
import SandboxClient
import SandboxExec
import SandboxModel
import SeccompFilter

struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version of sandboxctl, of the programs beside it, and of the service where one answers.",
        discussion: """
            With --json also: build (debug or release), kernel, machine and libseccomp, and the service's policies with the digests of what they \
            say. What is not known is left out. sandboxctl doctor says what to do about versions that differ.
            """)
    static let version = ProductVersion.text

    struct Report: Encodable {
        struct Policy: Encodable {
            var name: String
            /// Of what the policy comes to, with everything that it extends.
            var digest: String
        }

        var sandboxctl = VersionCommand.version
        /// How this program was built: debug or release.
        var build = VersionCommand.build
        /// The program beside this one.
        var installed: String?
        /// The service that answers.
        var sandboxd: String?
        var `protocol`: Int?
        var kernel: String
        var machine: String
        var libseccomp = FilterCompiler.libraryVersion
        /// Those that the caller may use.
        var policies: [Policy]?
    }

    #if DEBUG
        static let build = "debug"
    #else
        static let build = "release"
    #endif

    @OptionGroup var service: SocketOption
    @Flag(help: "Print a JSON object.") var json = false

    func run() async throws {
        let host = try HostFacts.current()
        var report = Report(kernel: host.release, machine: host.machine)
        report.installed = HostFacts.version(of: "sandboxd")
        let socket = service.socket ?? SandboxClient.standardSocket
        let answer = await ServiceQuestion.first(Report?.none, after: 3000) { [report] in
            try? await Self.complete(report, socket)
        }
        report = answer ?? report
        Descriptor.output.write(json ? try JSONLine.bytes(report) : Array(Self.text(report).utf8))
    }

    /// With what a service says.
    private static func complete(_ report: Report, _ socket: String) async throws -> Report {
        let client = try await Service.running(socket: socket)
        var report = report
        report.sandboxd = client.server.server
        report.protocol = client.server.protocolVersion
        report.policies = try? await client.policies().map { Report.Policy(name: $0.name, digest: $0.digest) }
        return report
    }

    static func text(_ report: Report) -> String {
        var text = "sandboxctl \(report.sandboxctl)\n"
        if let installed = report.installed { text += "installed: \(installed.cleaned())\n" }
        if let sandboxd = report.sandboxd, let number = report.protocol {
            text += "service: \(sandboxd.cleaned()), protocol \(number)\n"
        }
        return text
    }
}
