/// What only the merged policy shows.
extension PolicyResolver {
    mutating func checkFinals(of file: PolicyFile, against inherited: Merged) {
        for (key, final) in inherited.finals.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard let own = file.settings[key], !inherited.unread.contains(key) else { continue }
            // Whatever it says is narrower than a network of the engine's.
            if key == .network, inherited.settings[.containerNetwork] != nil { continue }
            let parent = inherited.settings[key] ?? Self.emptyTenants(key, inherited)
            guard let problem = Narrowing.problem(key, child: own.value, parent: parent?.value) else { continue }
            let place = inherited.settings[key].map { ", its value is from \($0.location)" } ?? ""
            let message = "'\(key.rawValue)' may only be narrowed: \(problem) (final in \(final)\(place))"
            report(file.source.diagnostic(own.location, message))
        }
        checkSystemCalls(of: file, against: inherited)
    }

    /// With one of the two keys of `tenants`, the other one is empty and not absent: whoever adds to it widens.
    private static func emptyTenants(_ key: PolicyKey, _ inherited: Merged) -> Located<Setting>? {
        let other: PolicyKey? = key == .tenantUsers ? .tenantGroups : key == .tenantGroups ? .tenantUsers : nil
        guard let other, let present = inherited.settings[other] else { return nil }
        return Located(value: .list([]), location: present.location)
    }

    /// The two lists work on each other, so that what counts is every single call's fate.
    private mutating func checkSystemCalls(of file: PolicyFile, against inherited: Merged) {
        guard let own = file.settings[.syscallsAllow] ?? file.settings[.syscallsDeny] else { return }
        let parent = SystemCallRules(inherited.settings)
        let child = SystemCallRules(inherited.settings.merging(file.settings) { _, replaced in replaced })
        var reported: String?
        for key in [PolicyKey.syscallsDeny, .syscallsAllow] {
            guard let final = inherited.finals[key], let call = child.firstWidening(of: parent, against: key),
                call != reported
            else { continue }
            reported = call
            let message = "'\(key.rawValue)' may only be narrowed: '\(call)' would be allowed (final in \(final))"
            report(file.source.diagnostic(own.location, message))
        }
    }

    mutating func check(_ merged: Merged, of file: PolicyFile) {
        let missing = PolicyKey.required.filter { merged.settings[$0] == nil && !merged.unread.contains($0) }
        if !missing.isEmpty {
            let names = missing.map { "'\($0.rawValue)'" }.joined(separator: ", ")
            let message = "\(names) missing: a policy sets every limit or inherits it"
            report(file.source.diagnostic(file.limitsLocation, message))
        }
        checkPaths(merged, of: file)
        checkPrograms(merged, of: file)
        let denied = merged.settings[.syscallsDeny]?.value.strings ?? []
        if case .list(let allowed)? = merged.settings[.syscallsAllow]?.value {
            for name in allowed where denied.contains(name.value) {
                let message =
                    "'\(name.value)' is both in 'syscalls.allow' and in 'syscalls.deny' of policy \(file.name)"
                report(file.source.diagnostic(name.location, message))
            }
        }
    }

    /// Paths that stand in this file and lie below nothing that the policy shows. A parent's `hide` that the child's
    /// shorter `read` leaves without a meaning is no mistake of the child.
    private mutating func checkPaths(_ merged: Merged, of file: PolicyFile) {
        guard !merged.unread.contains(.read), merged.settings[.backend]?.value != .word("docker") else { return }
        let read = merged.settings[.read]?.value.strings ?? []
        for key in [PolicyKey.hide, .programs, .libraries] {
            guard case .list(let paths)? = file.settings[key]?.value else { continue }
            for path in paths where !Self.isShown(path.value, by: read, for: key) {
                let message = "'\(key.rawValue)': '\(path.value)' is not below a path of 'filesystem.read'"
                report(file.source.diagnostic(path.location, message))
            }
        }
    }

    private static func isShown(_ path: String, by read: [String], for key: PolicyKey) -> Bool {
        if key == .hide { return read.contains { PolicyPath.isBelow(path, $0) } }
        let plain = path.hasSuffix("/") ? String(path.dropLast()) : path
        return read.contains {
            PolicyPath.isAtOrBelow(PolicyPath.merging(plain), $0) || PolicyPath.isAtOrBelow(plain, $0)
        }
    }

    /// Reported in the file that brings the two together.
    private mutating func checkPrograms(_ merged: Merged, of file: PolicyFile) {
        guard let listed = merged.settings[.programs] else {
            if let libraries = file.settings[.libraries], !merged.unread.contains(.programs) {
                let message =
                    "'commands.libraries' says where the programs of 'commands.execute' load code from, "
                    + "and there is no 'commands.execute'"
                report(file.source.diagnostic(libraries.location, message))
            }
            return
        }
        guard let written = merged.settings[.execute], written.value == .flag(true) else { return }
        guard let own = file.settings[.programs] ?? file.settings[.execute] else { return }
        let message =
            "'commands.execute' (\(listed.location)) allows listed programs only, and 'workspace.execute: true' "
            + "(\(written.location)) everything that a run writes; set 'workspace.execute: false'"
        report(file.source.diagnostic(own.location, message))
    }
}
