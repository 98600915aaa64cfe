import ArgumentParser
import SandboxClient
import SandboxExec
import SandboxModel

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say what this host has for sandboxes, what it lacks, and what to do.",
        discussion: """
            Asks the service what it found at its start, and adds what sandboxctl sees itself. Where none runs, that is all: it \
            changes nothing on the host, needs no rights, and sees less. FOUND is NO where something is needed or can be done \
            about it, and less where sandboxes do without. Exits with 0 when everything is there that sandboxes need, with 1 \
            when something is missing, with 125 when sandboxd or sandboxctl failed.
            """)
    @OptionGroup var service: SocketOption
    @Flag(help: "Print a JSON object.") var json = false

    private struct Report: Encodable {
        /// The service's name; absent where sandboxctl looked itself.
        var service: String?
        /// Whether everything is there that sandboxes need.
        var sufficient: Bool
        var findings: [HostReport.Finding]
    }

    func run() async throws {
        var report = Report(sufficient: false, findings: [])
        if let client = try await runningService() {
            report.service = client.server.server
            let told = try await client.host().findings
            report.sufficient = HostChecks.isSufficient(told)
            report.findings = HostChecks.findings(of: try HostFacts.current(), beside: told) + told
        } else {
            report.findings = HostChecks.findings(of: try HostFacts.current())
            report.sufficient = HostChecks.isSufficient(report.findings)
        }
        Descriptor.output.write(json ? try JSONLine.bytes(report) : Array(Self.text(report).utf8))
        guard report.sufficient else { throw ExitCode(1) }
    }

    /// The service to ask: one that was named must answer, the usual one may be absent, closed to us, or too old.
    private func runningService() async throws -> SandboxClient? {
        if let path = service.socket { return try await Service.running(socket: path) }
        switch try await SandboxClient.openSocket(SandboxClient.standardSocket) {
        case .success(let descriptor):
            let client = try await SandboxClient(descriptor: descriptor)
            if client.server.capabilities.contains("host") { return client }
            Diagnostics.write("note: sandboxctl looks itself; the running service is too old to be asked")
        case .failure(let failure):
            if !failure.isAbsence {
                Diagnostics.write("note: sandboxctl looks itself; \(failure.serviceError.message)")
            }
        }
        return nil
    }

    private static func text(_ report: Report) -> String {
        let source =
            report.service.map { "\($0), which runs here, found at its start, and sandboxctl now:" }
            ?? "No service runs. sandboxctl found:"
        let rows = report.findings.map { finding in
            [finding.name, HostChecks.mark(finding), finding.detail].map { $0.cleaned() }
        }
        var text = "\(source.cleaned())\n\n" + Table.text([["NAME", "FOUND", "DETAIL"]] + rows)
        let remedies = report.findings.compactMap { finding in
            finding.remedy.map { "\(finding.name): \($0)".cleaned(atMost: 600) }
        }
        if !remedies.isEmpty { text += "\n" + remedies.map { $0 + "\n" }.joined() }
        text +=
            report.sufficient
            ? "\nEverything is there that sandboxes need.\n"
            : "\nSomething is missing without which no sandbox can run.\n"
        return text
    }
}
