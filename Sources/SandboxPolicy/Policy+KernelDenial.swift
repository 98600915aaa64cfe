package import LaunchPlan
package import SandboxModel
import SeccompFilter

extension Policy {
    /// What the sandbox refused, with the rule behind it and what to do instead.
    package func denial(_ denial: KernelDenial) -> Denial {
        var described: Denial
        switch denial.kind {
        case .call: described = refusedCall(denial)
        case .legacyCall:
            described = Denial(
                kind: .syscall, rule: Self.baseList, subject: denial.subject,
                hint: "programs for other architectures do not run in here; use a 64-bit program of this machine")
        case .execution:
            described = refusal(.exec, denial.subject, explain(path: denial.subject, access: .execute))
        case .connection: described = refusedConnection(denial.subject)
        case .path:
            let access: PathAccess = denial.right == "fs.execute" ? .execute : Self.isReading(denial) ? .read : .write
            described = refusal(
                access == .execute ? .exec : .path, denial.subject, explain(path: denial.subject, access: access))
            described.subject = "\(described.subject) (\(denial.right))"
        }
        described.count = denial.count
        return described
    }

    /// Rules that no file has written down.
    static let baseList = "base list"

    private static func isReading(_ denial: KernelDenial) -> Bool {
        denial.right == "fs.read_file" || denial.right == "fs.read_dir"
    }

    private func refusal(_ kind: Denial.Kind, _ subject: String, _ explanation: Explanation) -> Denial {
        // Where the policy alone would allow it, something that it does not know has refused: no reason is invented.
        let hint = explanation.allowed ? nil : explanation.text
        let rule = explanation.allowed ? nil : explanation.rule
        return Denial(
            kind: kind, rule: rule?.description ?? "sandbox", subject: Subject.describe([subject]), hint: hint)
    }

    private func refusedConnection(_ subject: String) -> Denial {
        var described = refusal(.network, subject, explain(connect: subject))
        // What the resolver falls back on without a name server.
        if subject.hasSuffix(":53"), let hint = described.hint {
            described.hint = hint + "; port 53 is a look-up of a host's name"
        }
        return described
    }

    private func refusedCall(_ denial: KernelDenial) -> Denial {
        let decision = SystemCallCatalog.decide(
            denial.subject, allow: strings(.syscallsAllow), deny: strings(.syscallsDeny))
        let group = decision.group.flatMap(SystemCallCatalog.group(named:)).map { " (\($0.name): \($0.summary))" } ?? ""
        if let refusal = refusedMemory(denial) { return refusal }
        let hint: String
        switch decision.kind {
        case .neverAllowed: hint = "no policy can allow \(denial.subject)\(group); work without it"
        case .conditional, .allowed:
            hint =
                decision.condition.map { "\(denial.subject) is allowed only \($0)" }
                ?? "policy \(name) refuses \(denial.subject) because of its rules on files, memory or the network"
        case .refused, .missing:
            hint =
                decision.cause.map { "policy \(name) denies \($0)\(group); work without it" }
                ?? "\(denial.subject)\(group) is not in the base list; work without it, or ask for a policy that allows it"
        }
        let place = items(.syscallsDeny).first { $0.value == decision.cause }?.location
        return Denial(
            kind: .syscall, rule: place?.description ?? Self.baseList, subject: CallSubject.describe(denial),
            hint: hint)
    }
}

extension Policy {
    /// Calls that are refused because of what they would make possible: memory that is written and executed.
    private func refusedMemory(_ denial: KernelDenial) -> Denial? {
        let calls = [
            "memfd_create": "files in memory", "memfd_secret": "files in memory",
            "mmap": "executable memory that is shared",
            "mprotect": "executable memory", "pkey_mprotect": "executable memory", "shmat": "executable memory",
            "ptrace": "tracing, which writes into memory", "process_vm_readv": "tracing, which writes into memory",
        ]
        guard settings[.writeExecuteMemory]?.value != .flag(true), let what = calls[denial.subject] else { return nil }
        let place = place(.writeExecuteMemory)
        return Denial(
            kind: .syscall, rule: place.description, subject: CallSubject.describe(denial),
            hint:
                "policy \(name) refuses \(what), so that nothing is written and then executed (\(place)); work without it"
        )
    }
}

/// A refused call with the argument that tells what it was about.
private enum CallSubject {
    static func describe(_ denial: KernelDenial) -> String {
        let arguments = denial.arguments
        guard arguments.count == 3 else { return denial.subject }
        switch denial.subject {
        case "socket", "socketpair":
            let family = families[arguments[0]] ?? "family \(arguments[0])"
            return "\(denial.subject) \(family), type \(arguments[1] & 0xf), protocol \(arguments[2])"
        case "ioctl": return "ioctl \(requests[arguments[1] & 0xffff_ffff] ?? hexadecimal(arguments[1]))"
        case "clone": return "clone with flags \(hexadecimal(arguments[0]))"
        case "chmod", "fchmod", "creat", "mkdir": return "\(denial.subject) with mode \(octal(arguments[1]))"
        case "fchmodat", "fchmodat2", "mkdirat", "mknodat": return "\(denial.subject) with mode \(octal(arguments[2]))"
        case "personality": return "personality \(hexadecimal(arguments[0]))"
        default: return denial.subject
        }
    }

    private static func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
    private static func octal(_ value: UInt64) -> String { "0" + String(value & 0o177777, radix: 8) }

    /// `address_families(7)`.
    private static let families: [UInt64: String] = [
        1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 15: "AF_KEY", 16: "AF_NETLINK", 17: "AF_PACKET", 31: "AF_BLUETOOTH",
        38: "AF_ALG", 40: "AF_VSOCK", 44: "AF_XDP",
    ]
    /// `ioctl_tty(2)`.
    private static let requests: [UInt64: String] = [0x5412: "TIOCSTI", 0x541c: "TIOCLINUX", 0x5423: "TIOCSETD"]
}
