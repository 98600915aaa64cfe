import ArgumentParser
import SandboxClient
import SandboxExec
import SandboxModel

struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Have the running service read its policies anew.",
        discussion: """
            For root. All files come into force at once, for new runs, or none does where anything is wrong in any of them; runs \
            that are alive keep their policies. Returns when every new policy has been verified. Exits with 0 when all are served; \
            1 when a file is wrong, and those before stay in force, or when a policy's confinement was found not to hold; 125 \
            when sandboxd or sandboxctl failed, or while policies are being read already.
            """)

    @Flag(help: "Print a JSON object.") var json = false
    @OptionGroup var service: SocketOption

    private struct Failure: Encodable { var error: ServiceError }

    func run() async throws {
        let client = try await Service.running(socket: service.socket)
        let report: ReloadReport
        do {
            report = try await client.reload()
        } catch let error as ServiceError {
            if json { Descriptor.output.write(try JSONLine.bytes(Failure(error: error))) }
            guard error.code == .invalidPolicies else { throw error }
            for line in error.message.split(separator: "\n") { Diagnostics.write(String(line)) }
            Diagnostics.write("the policies before stay in force")
            throw ExitCode(1)
        }
        client.close()
        Descriptor.output.write(json ? try JSONLine.bytes(report) : Array(Self.text(report).utf8))
        guard report.isServed else { throw ExitCode(1) }
    }

    static func text(_ report: ReloadReport) -> String {
        let rows = report.policies.map { entry in
            [
                entry.policy, entry.change.rawValue, entry.state?.rawValue ?? "-", entry.digest ?? "-",
                entry.reason ?? "",
            ].map { $0.cleaned() }
        }
        return Table.text([["POLICY", "CHANGE", "STATE", "DIGEST", "WHY NOT SERVED"]] + rows)
    }
}
