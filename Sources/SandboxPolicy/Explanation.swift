import SandboxModel

/// What a policy says about something that was not tried.
package struct Explanation: Sendable, Equatable {
    /// In the words of `expect` in a policy's tests.
    package enum Decision: String, Sendable, CaseIterable {
        case allowed, denied
        /// Of system calls: with some arguments only; as if the kernel had none; refused whatever a policy says.
        case conditional, missing, never
        /// What was asked about does not exist.
        case unknown
    }

    package let decision: Decision
    package var allowed: Bool { decision == .allowed || decision == .conditional }
    /// The rule that decides, where one does.
    package let rule: SourceLocation?
    /// One sentence that a person or a language model can act on.
    package let text: String
    /// A system call's.
    package let group: String?

    package init(allowed: Bool, rule: SourceLocation?, text: String) {
        self.init(decision: allowed ? .allowed : .denied, rule: rule, text: text)
    }

    init(decision: Decision, rule: SourceLocation?, text: String, group: String? = nil) {
        self.decision = decision
        self.rule = rule
        self.text = text
        self.group = group
    }
}

/// What is done with a path.
package enum PathAccess: String, Sendable, CaseIterable {
    case read, write, execute
}

extension Policy {
    /// Whether a command can start: by the rules, and, on a known host, by the kernel's list of programs.
    package func explain(argv: [String], on host: HostView) -> Explanation {
        let byRules = explain(argv: argv)
        guard byRules.allowed, let listing = explainProgram(of: argv, on: host), !listing.allowed else {
            return byRules
        }
        return listing
    }

    /// Whether the rules let a command start.
    package func explain(argv: [String]) -> Explanation {
        let subject = Subject.describe(argv)
        let judgement = judgement(argv: argv)
        switch judgement.verdict {
        case .allowed(let rule?):
            return Explanation(allowed: true, rule: rule, text: "policy \(name) allows '\(subject)' (\(rule))")
        case .allowed(nil):
            if argv.count == 1, argv[0].contains(where: \.isWhitespace) {
                let text =
                    "policy \(name) allows it, but '\(subject)' is one word, the name of a program with blanks in it; for the "
                    + "text of a shell ask for sh -c '...'"
                return Explanation(allowed: true, rule: nil, text: text)
            }
            if let (reason, part) = doubt(argv: argv) {
                let place = place(.undecided)
                let text =
                    "policy \(name) allows '\(subject)', though it cannot judge all of it (commands.undecided, \(place)): "
                    + "of '\(part)', \(reason)"
                return Explanation(allowed: true, rule: place, text: text)
            }
            return Explanation(
                allowed: true, rule: nil,
                text: "policy \(name) allows '\(subject)': no rule of commands.deny matches it")
        case .denied(let denial):
            // Inside another command, the one that it is about is named too.
            let within = denial.subject == subject || denial.subject.isEmpty ? "" : ", because of '\(denial.subject)'"
            let text = "policy \(name) denies '\(subject)'\(within) (\(denial.rule)): \(denial.hint ?? "")"
            return Explanation(allowed: false, rule: judgement.rule, text: text)
        }
    }

    /// Whether a connection to "host:port" can be made.
    package func explain(connect target: String) -> Explanation {
        let shown = Subject.describe([target])
        guard let host = Self.host(of: target) else {
            return Explanation(
                allowed: false, rule: nil, text: "'\(shown)' is not host:port, as in localhost:8080 or [::1]:8080")
        }
        if let network = engineNetwork {
            let place = place(.containerNetwork)
            let text =
                "\(shown) can be reached when the engine's network '\(network)' leads there (\(place)); the engine decides, and "
                + "nothing here looks at it"
            return Explanation(allowed: true, rule: place, text: text)
        }
        let place = place(.network)
        guard word(.network) == "loopback" else {
            let text = "\(shown) cannot be reached: policy \(name) has no network (\(place)); work without connections"
            return Explanation(allowed: false, rule: place, text: text)
        }
        guard Self.isLoopback(host) else {
            let text =
                "\(shown) cannot be reached: policy \(name) has only loopback (\(place)); localhost, 127.0.0.1 and ::1 work"
            return Explanation(allowed: false, rule: place, text: text)
        }
        let text =
            "\(shown) can be reached when a process of the same sandbox listens there (\(place)); the host's ports cannot"
        return Explanation(allowed: true, rule: place, text: text)
    }

    private static func host(of target: String) -> String? {
        guard let colon = target.lastIndex(of: ":"), let port = UInt16(target[target.index(after: colon)...]), port > 0
        else { return nil }
        var host = target[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        return host.isEmpty ? nil : host.lowercased()
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
