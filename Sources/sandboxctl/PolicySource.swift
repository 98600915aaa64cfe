import Glibc
import SandboxModel
import SandboxPolicy

/// A policy as the command line names it: a built-in by its name, or a file by its path.
struct PolicySource: Sendable, Equatable {
    /// As it was given.
    let text: String

    /// A value with a slash or the ending `.yaml` is a file.
    var isFile: Bool { text.contains("/") || text.hasSuffix(".yaml") }

    /// The policy's name: a file's is its own without the ending.
    var name: String {
        guard isFile else { return text }
        let last = text.split(separator: "/").last.map(String.init) ?? text
        return last.hasSuffix(".yaml") ? String(last.dropLast(".yaml".count)) : last
    }

    /// The policy, read from the file or from the built-in ones.
    func load() throws -> Policy {
        let set = isFile ? try PolicyFiles.load([text]) : try PolicySet.builtIn()
        guard let policy = set[name] else {
            let known = set.names.joined(separator: ", ")
            throw ServiceError(.unknownPolicy, "no policy '\(name)'; there are \(known)")
        }
        return policy
    }
}

/// Policy files, over the built-in policies that they may extend.
enum PolicyFiles {
    static func load(_ paths: [String]) throws -> PolicySet {
        let files = try paths.map { (name: $0, contents: try read($0)) }
        return try PolicySet.load(files: files, over: PolicySet.builtIn())
    }

    static func read(_ path: String) throws(ServiceError) -> [UInt8] {
        let file = try Descriptor.open(path, O_RDONLY)
        defer { close(file.number) }
        switch file.readToEnd() {
        case .success(let bytes): return bytes
        case .failure(let error): throw ServiceError(.unknownPolicy, "failed to read \(path): \(error)")
        }
    }
}
