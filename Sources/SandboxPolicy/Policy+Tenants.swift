package import SandboxModel

/// The accounts of a host, as far as names must become numbers.
package struct Accounts: Sendable {
    /// The number of a user's name.
    package let user: @Sendable (String) -> UInt32?
    /// The number of a group's name.
    package let group: @Sendable (String) -> UInt32?

    package init(
        user: @escaping @Sendable (String) -> UInt32?, group: @escaping @Sendable (String) -> UInt32?
    ) {
        self.user = user
        self.group = group
    }
}

/// Who may use a policy, as numbers.
struct Tenants: Sendable, Hashable {
    var users: Set<UInt32>
    var groups: Set<UInt32>
}

extension Policy {
    /// Why a caller may not use this policy, or `nil` when it may. The numbers are the kernel's words about the caller.
    ///
    /// Root is a caller like others: it counts where it is listed, and where nobody is. Names that were not resolved
    /// match nobody.
    package func refusal(uid: UInt32, gid: UInt32, groups: [UInt32]) -> Denial? {
        guard let tenants else { return nil }
        if tenants.users.contains(uid) || tenants.groups.contains(gid) { return nil }
        if groups.contains(where: tenants.groups.contains) { return nil }
        let hint = "policy \(name) is for other users; ask its operator, or use another policy"
        return Denial(kind: .tenant, rule: tenantsPlace.description, subject: "uid \(uid)", hint: hint)
    }

    /// As whom of its tenants a caller may use this policy: "user 1000", "group 990". `nil` where it names nobody, or not him.
    package func tenant(uid: UInt32, gid: UInt32, groups: [UInt32]) -> String? {
        guard let tenants else { return nil }
        if tenants.users.contains(uid) { return "user \(uid)" }
        return ([gid] + groups).first(where: tenants.groups.contains).map { "group \($0)" }
    }

    /// Where `tenants` says who may use it.
    var tenantsPlace: SourceLocation {
        settings[.tenantUsers]?.location ?? place(.tenantGroups)
    }

    /// Names that the host does not know, with why that matters.
    func unknownTenants(_ accounts: Accounts) -> [Located<String>] {
        let kinds = [(PolicyKey.tenantUsers, "user", accounts.user), (.tenantGroups, "group", accounts.group)]
        return kinds.flatMap { key, kind, lookUp in
            items(key).compactMap { item in
                guard AccountName.number(item.value) == nil, lookUp(item.value) == nil else { return nil }
                let message = "'\(key.rawValue)': this host has no \(kind) '\(item.value)'"
                return Located(value: message, location: item.location)
            }
        }
    }

    /// With the names that the host knows as numbers; the others match nobody.
    package func resolvingTenants(with accounts: Accounts) -> Policy {
        var resolved = self
        resolved.tenants = Self.tenants(settings, accounts)
        return resolved
    }

    /// `nil` where the policy names nobody: everybody.
    static func tenants(_ settings: [PolicyKey: Located<Setting>], _ accounts: Accounts? = nil) -> Tenants? {
        guard settings[.tenantUsers] != nil || settings[.tenantGroups] != nil else { return nil }
        func numbers(_ key: PolicyKey, _ lookUp: ((String) -> UInt32?)?) -> Set<UInt32> {
            Set((settings[key]?.value.strings ?? []).compactMap { AccountName.number($0) ?? lookUp?($0) })
        }
        return Tenants(
            users: numbers(.tenantUsers, accounts?.user), groups: numbers(.tenantGroups, accounts?.group))
    }
}
