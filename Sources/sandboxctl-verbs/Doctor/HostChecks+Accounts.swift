import LaunchPlan

/// Users, groups, and the numbers that sandboxes take.
extension HostChecks {
    static func accounts(_ host: HostFacts) -> [Finding] { [user(host), group(host), identities(host)] }

    private static func record(_ name: String, _ file: String, _ host: HostFacts) -> [String]? {
        host.records(file).first { $0.count >= 3 && $0[0] == name }
    }

    /// Makes both.
    private static func remedy(_ host: HostFacts) -> String {
        let files = ["/usr/lib/sysusers.d/sandboxd.conf", "/usr/local/lib/sysusers.d/sandboxd.conf"]
        if files.contains(where: host.exists) { return "systemd-sysusers" }
        let group = groupNumber(host) == nil ? "--user-group" : "--gid sandboxd"
        return "useradd --system \(group) --no-create-home --shell /usr/sbin/nologin sandboxd"
    }

    private static func user(_ host: HostFacts) -> Finding {
        let uid = record("sandboxd", "/etc/passwd", host).flatMap { UInt32($0[2]) }
        return Finding(
            .accounts, "user", found: uid ?? 0 != 0, .useful,
            uid.map { "sandboxd is user \($0)" } ?? "no user sandboxd: it becomes number \(SandboxIdentities.base)",
            means: "sandboxd gives root up for a user of its own",
            remedy: remedy(host))
    }

    static func groupNumber(_ host: HostFacts) -> UInt32? {
        record("sandboxd", "/etc/group", host).flatMap { UInt32($0[2]) }
    }

    private static func group(_ host: HostFacts) -> Finding {
        let gid = groupNumber(host)
        return Finding(
            .accounts, "group", found: gid != nil, .useful,
            gid.map { "sandboxd is group \($0)" } ?? "no group sandboxd",
            means: "its members may connect; without it root alone may",
            remedy: record("sandboxd", "/etc/passwd", host) == nil ? remedy(host) : "groupadd --system sandboxd")
    }

    /// Ranges of numbers that somebody has who is no sandbox: whoever had one of them would be taken for one, and the other way
    /// round.
    private static func identities(_ host: HostFacts) -> Finding {
        let first = UInt64(SandboxIdentities.base)
        let last = first + UInt64(SandboxIdentities.blockSize) * UInt64(SandboxIdentities.blockCount) - 1
        // The service's own, where it has no account, is the first.
        var users: [String] = []
        for file in ["/etc/passwd", "/etc/group"] {
            for fields in host.records(file) where fields.count >= 3 {
                if let number = UInt64(fields[2]), (first...last).contains(number) {
                    users.append("\(fields[0]) of \(file)")
                }
            }
        }
        for file in ["/etc/subuid", "/etc/subgid"] {
            for fields in host.records(file) where fields.count >= 3 {
                guard let start = UInt64(fields[1]), let count = UInt64(fields[2]), count > 0 else { continue }
                let (sum, isTooLarge) = start.addingReportingOverflow(count - 1)
                let end = isTooLarge ? .max : sum
                if start <= last, end >= first { users.append("a range of \(fields[0]) in \(file)") }
            }
        }
        return Finding(
            .accounts, "identities", found: users.isEmpty, .needed,
            users.isEmpty ? "\(first) to \(last) are nobody's" : "taken: \(users.prefix(4).joined(separator: ", "))",
            means: "each sandbox is a user of its own, with a number of these",
            remedy:
                "give other numbers to who has these: usermod -u and groupmod -g, and other ranges in /etc/subuid and /etc/subgid"
        )
    }
}
