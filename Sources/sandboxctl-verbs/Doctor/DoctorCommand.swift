import ArgumentParser
import SandboxClient
import SandboxExec
import SandboxModel

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say what this host has for sandboxes, what it lacks, and what to do.",
        discussion: """
            Looks at kernel, security modules, control groups, limits, file systems, programs, service, accounts, at the container engine of policies that name one, and at what an \
            ordinary user's 'exec --standalone' takes. It changes nothing, needs no rights, and waits seconds at most for whoever \
            does not answer. A service that waits for its first client is not started by it. FOUND is NO where something is needed, no \
            where something can be done about it, and less where sandboxes do without.

            Exits with 0 when whoever asks can run sandboxes here: by the service that runs, as root by starting one, else with \
            'exec --standalone'; with 1 when something is missing for that; with 125 when sandboxd or sandboxctl failed. --for \
            chooses the question.
            """)

    enum Question: String, ExpressibleByArgument, CaseIterable {
        case service, standalone
    }

    @OptionGroup var service: SocketOption
    @Option(
        name: .customLong("for"),
        help: "What the exit status is to say: service (started as root) or standalone (an ordinary user).")
    var question: Question?
    @Flag(help: "Print a JSON object.") var json = false

    func run() async throws {
        // One that was named must answer.
        if let socket = service.socket, case .absent = await ServiceQuestion.ask(socket, milliseconds: 3000) {
            throw ServiceError(.notConnected, "no sandboxd runs at \(socket)", category: .temporary)
        }
        let facts = try await HostFacts.complete(socket: service.socket)
        let report = DoctorReport(facts, question, isNamed: service.socket != nil)
        Descriptor.output.write(json ? try JSONLine.bytes(report) : Array(report.text.utf8))
        guard report.sufficient else { throw ExitCode(1) }
    }
}

/// All that `doctor` says. The keys are stable.
struct DoctorReport: Encodable {
    /// The service's name and version; absent where none answers.
    var service: String?
    /// Whether whoever asks can run sandboxes here.
    var sufficient: Bool
    var answers: Answers
    var findings: [Finding]
    /// The first line of `text`.
    private let heading: String

    private enum CodingKeys: CodingKey { case service, sufficient, answers, findings }

    /// - Parameter isNamed: whether it is a certain service that is to be used.
    init(_ host: HostFacts, _ question: DoctorCommand.Question?, isNamed: Bool = false) {
        findings = HostChecks.findings(of: host)
        answers = Answers(findings, host)
        if case .answers(let server, _, _, _, _) = host.service { service = server }
        heading = Self.heading(host)
        switch question {
        case .service: sufficient = answers.service.possible
        case .standalone: sufficient = answers.standalone.possible
        case nil where host.isServed || isNamed: sufficient = host.isServed
        case nil: sufficient = host.caller.uid == 0 ? answers.service.possible : answers.standalone.possible
        }
    }

    var text: String {
        var text = heading.cleaned(atMost: 1000) + "\n"
        let rows = findings.map { [$0.name, $0.mark, $0.detail].map { $0.cleaned(atMost: 400) } }
        // All sections have the same columns.
        var lines = Table.lines([["NAME", "FOUND", "DETAIL"]] + rows)[...]
        let head = lines.removeFirst()
        for section in Finding.Section.allCases {
            let count = findings.count { $0.section == section }
            guard count > 0 else { continue }
            // Findings come by section.
            text += "\n\(Self.title(section))\n\(head)\n" + lines.prefix(count).map { $0 + "\n" }.joined()
            lines = lines.dropFirst(count)
        }
        for finding in findings where !finding.found || finding.remedy != nil {
            text += "\n" + Self.advice(finding)
        }
        return text + "\n" + conclusion
    }

    private static func heading(_ host: HostFacts) -> String {
        switch host.service {
        case .answers(let server, _, _, true, _): "\(server) is stopping here."
        case .answers(let server, _, _, false, _): "\(server) runs here."
        case .waiting: "A service starts here with its first client."
        case .absent: "No service answers here."
        case .refused(let reason): "A service is here, and not for this user: \(reason)"
        case .silent: "A service is here, and does not answer."
        }
    }

    private static func title(_ section: Finding.Section) -> String {
        switch section {
        case .kernel: "kernel"
        case .restrictions: "what forbids something"
        case .groups: "control groups"
        case .limits: "limits of the host"
        case .files: "file systems and devices"
        case .programs: "programs"
        case .service: "service"
        case .engine: "container engine"
        case .accounts: "accounts"
        case .standalone: "exec --standalone of an ordinary user"
        }
    }

    private static func advice(_ finding: Finding) -> String {
        var text = "\(finding.name): \(finding.meaning)".cleaned(atMost: 600) + "\n"
        if let remedy = finding.remedy { text += "    \(remedy)".cleaned(atMost: 1000) + "\n" }
        return text
    }

    private var conclusion: String {
        var lines = [
            Self.line("The service, started as root,", "run here", answers.service),
            Self.line("An ordinary user", "run 'exec --standalone' here", answers.standalone),
        ]
        lines += answers.standalone.weaker.map { "  weaker then, as --accept-weaker \($0.name): \($0.meaning)" }
        lines.append(sufficient ? "Sandboxes can be run here." : "Something is missing for that.")
        return lines.map { $0.cleaned(atMost: 1000) + "\n" }.joined()
    }

    private static func line(_ who: String, _ what: String, _ answer: Answers.Answer) -> String {
        answer.possible ? "\(who) can \(what)." : "\(who) cannot \(what): \(answer.missing.joined(separator: ", "))."
    }
}
