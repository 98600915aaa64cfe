import Foundation
import Glibc
package import Testing

/// What the tests' sandboxes are made by: `SANDBOX_BACKEND=docker` runs the tests of whole programs once more, in containers.
package enum Backend: String, Sendable {
    case native, docker

    package static let current: Backend = {
        let name = getenv("SANDBOX_BACKEND").map { String(cString: $0) } ?? ""
        precondition(name.isEmpty || Backend(rawValue: name) != nil, "SANDBOX_BACKEND is native or docker, not \(name)")
        return Backend(rawValue: name) ?? .native
    }()

    /// The policy `default` as it is built in, in a container: text of a policy file.
    package static func containerPolicy(ahead: Int = 1) throws -> String {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources")
        let builtIn = try String(
            contentsOf: sources.appending(path: "SandboxPolicy/BuiltIn/default.yaml"), encoding: .utf8)
        var lines = builtIn.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        // An image is what can be read.
        if let read = lines.firstIndex(of: "  read:") {
            let end = lines[(read + 1)...].firstIndex { !$0.hasPrefix("    -") } ?? lines.endIndex
            lines.removeSubrange(read..<end)
        }
        return lines.joined(separator: "\n")
            + "\nbackend: docker\ndocker:\n  image: \(DockerEngine.debian)\n  ahead: \(ahead)\n"
    }
}

extension Trait where Self == ConditionTrait {
    /// For a test of what containers do not have, or have otherwise.
    package static func nativeOnly(_ reason: Comment) -> Self { .enabled(if: Backend.current == .native, reason) }
}
