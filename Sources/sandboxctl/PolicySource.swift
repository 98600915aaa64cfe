import Glibc
import SandboxClient
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
        isFile ? Self.fileName(text) : text
    }

    /// A policy is called as its file is, without the ending.
    static func fileName(_ path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? path
        return last.hasSuffix(".yaml") ? String(last.dropLast(".yaml".count)) : last
    }

    /// A service's policies are its operator's files, which this program does not see: what is said here may not hold
    /// there.
    func warnIfNotTheServices() {
        guard !isFile, access(SandboxClient.standardSocket, F_OK) == 0 else { return }
        Diagnostics.write("note: this is about the policies built into sandboxctl; the running service may have others")
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
        let files = try paths.map { (name: PolicySource.fileName($0), contents: try read($0)) }
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
