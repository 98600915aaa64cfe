import SandboxModel

/// A policy as the command line names it: a built-in by its name, or a file by its path.
package struct PolicySource: Sendable, Equatable {
    /// As it was given.
    package let text: String

    package init(text: String) { self.text = text }

    /// A value with a slash or the ending `.yaml` is a file.
    package var isFile: Bool { text.contains("/") || text.hasSuffix(".yaml") }

    /// The policy's name: a file's is its own without the ending.
    package var name: String { isFile ? PolicyFileName.policy(of: text) : text }
}
