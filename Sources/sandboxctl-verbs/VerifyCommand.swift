import ArgumentParser
import SandboxClient
import SandboxExec
import SandboxModel

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Prove by a probe inside that the confinement of policies holds.",
        discussion: """
            Each policy gets a fresh sandbox, in which a probe measures what there is and tries what must not work. Exits \
            with 0 when everything holds; 1 when a check failed or a probe could not be run; 125 when sandboxd or \
            sandboxctl failed. Of a sandboxd without root it is said what it does not keep, which no check is made of.
            """)

    @Argument(help: "A policy's name, or with --standalone a file (default: every policy).") var policy: String?
    @Flag(help: "Show every check of the policy, also those that hold.") var allChecks = false
    @Flag(help: "Print a JSON array.") var json = false
    @OptionGroup var service: SocketOption
    @Flag(help: "Start a private sandboxd for this call.") var standalone = false

    func validate() throws {
        if standalone, service.socket != nil { throw ValidationError("--socket and --standalone exclude each other") }
        if allChecks, policy == nil { throw ValidationError("--all-checks needs a policy") }
    }

    func run() async throws {
        let source = policy.map(PolicySource.init)
        let chosen = try await Service.choose(
            ServiceChoice(
                socket: service.socket, standalone: standalone, policySource: source, policy: source?.name))
        let verdicts = try await chosen.client.verify(policy: source?.name, allChecks: allChecks)
        try await chosen.end()
        Descriptor.output.write(json ? try JSONLine.bytes(verdicts) : Array(Self.text(verdicts, allChecks).utf8))
        guard verdicts.allSatisfy({ $0.state == .verified }) else { throw ExitCode(1) }
    }

    /// A table of policies, and below it what did not hold; of one policy, all checks where they were asked for.
    static func text(_ verdicts: [PolicyVerification], _ allChecks: Bool) -> String {
        let rows = verdicts.map { verdict in
            let failed = verdict.checks.count { !$0.passed }
            let milliseconds = verdict.milliseconds.map { "\(Double(Int($0 * 10)) / 10) ms" } ?? "-"
            return [
                verdict.policy, verdict.state.rawValue, "\(verdict.checkCount - failed) of \(verdict.checkCount)",
                milliseconds, verdict.digest,
            ]
        }
        var text = Table.text([["POLICY", "STATE", "CHECKS HELD", "TIME", "DIGEST"]] + rows)
        for verdict in verdicts {
            if let reason = verdict.reason { text += "\n\(verdict.policy): the probe could not be run: \(reason)\n" }
            text += Self.weaker(verdict.weaker ?? [], than: verdict.policy)
            guard !verdict.checks.isEmpty else { continue }
            let checks = verdict.checks.map { check in
                [check.name, check.passed ? "holds" : "FAILED", check.expected, check.observed]
            }
            text += "\n\(verdict.policy)\n" + Table.text([["CHECK", "", "EXPECTED", "OBSERVED"]] + checks)
        }
        return text
    }

    /// What the checks say nothing of.
    private static func weaker(_ names: [String], than policy: String) -> String {
        if names.isEmpty { return "" }
        let lines = names.map { name in
            "  weaker: \(name): \(Weakness(rawValue: name)?.meaning ?? "not known to this sandboxctl")"
                .cleaned(atMost: 400) + "\n"
        }
        return "\n\(policy.cleaned(atMost: 200)): without root sandboxd does not keep\n" + lines.joined()
    }
}
