/// What a host has, for answers that depend on it. The policies themselves never look: a policy means the same on every
/// host.
package struct HostView: Sendable {
    /// Whether a path exists.
    package let exists: @Sendable (String) -> Bool
    package let isDirectory: @Sendable (String) -> Bool
    /// A path without links; `nil` where it does not exist.
    package let resolve: @Sendable (String) -> String?
    package let accounts: Accounts

    package init(
        exists: @escaping @Sendable (String) -> Bool,
        isDirectory: @escaping @Sendable (String) -> Bool = { _ in false },
        resolve: @escaping @Sendable (String) -> String?, accounts: Accounts
    ) {
        self.exists = exists
        self.isDirectory = isDirectory
        self.resolve = resolve
        self.accounts = accounts
    }

    /// Nothing is known: paths are taken as they are spelt, and no name is looked for.
    package static let unknown = HostView(
        exists: { _ in false }, resolve: { $0 }, accounts: Accounts(user: { _ in nil }, group: { _ in nil }))
}
