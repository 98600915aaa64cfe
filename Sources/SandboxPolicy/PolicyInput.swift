import SandboxModel

/// Where a policy comes from.
package enum PolicyOrigin: Sendable, Hashable, CustomStringConvertible {
    case builtIn
    /// The base name of a file: callers need not learn where the host keeps it.
    case file(String)

    package var description: String {
        switch self {
        case .builtIn: "built-in"
        case .file(let name): name
        }
    }
}

/// A policy file as it was found.
package struct PolicyInput: Sendable {
    /// Where a host has its own.
    package static let standardDirectory = "/etc/sandboxd/policies"

    /// The policy's name: the file's base name without `.yaml`.
    package let name: String
    /// How the file is named in diagnostics; `nil`: by its base name.
    package let path: String?
    package let contents: [UInt8]
    let origin: PolicyOrigin

    package init(name: String, path: String? = nil, contents: [UInt8]) {
        self.name = name
        self.path = path
        self.contents = contents
        origin = .file("\(name.prefix(100)).yaml")
    }

    init(builtIn name: String, contents: [UInt8]) {
        self.name = name
        self.contents = contents
        path = nil
        origin = .builtIn
    }

    /// A policy is called as its file is, without the ending.
    package static func name(ofFile path: String) -> String { PolicyFileName.policy(of: path) }

    /// Endings of policy files.
    package static let endings = PolicyFileName.endings

    /// Whether a directory's entry is a policy file.
    package static func isPolicyFile(_ entry: String) -> Bool {
        !entry.hasPrefix(".") && endings.contains { entry.hasSuffix($0) && entry != $0 }
    }
}
