import Glibc
import LinuxSystem
import SandboxExec
import SandboxModel
import SandboxPolicy

extension PolicySource {
    /// The policy, read from the file or taken from the others.
    func load(over base: PolicySet) throws -> Policy {
        let set = isFile ? try PolicyFiles.load([text], over: base) : base
        guard let policy = set[name] else { throw unknown(in: set) }
        return policy
    }

    func unknown(in set: PolicySet) -> ServiceError {
        ServiceError(.unknownPolicy, "no policy '\(name)'; there are \(set.names.joined(separator: ", "))")
    }
}

/// Policy files, over the built-in policies that they may extend.
enum PolicyFiles {
    static func load(_ paths: [String]) throws -> PolicySet { try load(paths, over: PolicySet.builtIn()) }

    static func load(_ paths: [String], over base: PolicySet) throws -> PolicySet {
        try PolicySet.load(inputs(paths), over: base)
    }

    static func inputs(_ paths: [String]) throws -> [PolicyInput] {
        try paths.map { PolicyInput(name: PolicyInput.name(ofFile: $0), path: $0, contents: try read($0)) }
    }

    static func read(_ path: String) throws(ServiceError) -> [UInt8] {
        let file = try Descriptor.open(path, O_RDONLY)
        defer { close(file.number) }
        switch file.readToEnd() {
        case .success(let bytes): return bytes
        case .failure(let error): throw ServiceError(.unknownPolicy, "failed to read \(path): \(error)")
        }
    }

    /// Files as they are, directories as the policy files in them, sorted.
    static func paths(_ given: [String]) throws(ServiceError) -> [String] {
        var paths: [String] = []
        for path in given {
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                paths.append(path)
                continue
            }
            let prefix = path.hasSuffix("/") ? path : path + "/"
            do throws(SystemError) {
                let entries = try LinuxSystem.Directory(path).entries()
                paths += entries.filter(PolicyInput.isPolicyFile).sorted().map { prefix + $0 }
            } catch {
                throw ServiceError(.unknownPolicy, "\(error)")
            }
        }
        return paths
    }
}

extension HostView {
    /// The host that this program runs on.
    static let here: HostView = {
        // A host without these files has no names; that is then what is said.
        let users = (try? PolicyFiles.read("/etc/passwd")) ?? []
        let groups = (try? PolicyFiles.read("/etc/group")) ?? []
        return HostView(
            exists: { access($0, F_OK) == 0 },
            isDirectory: { path in
                var status = stat()
                return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
            },
            resolve: { path in
                guard let resolved = realpath(path, nil) else { return nil }
                defer { free(resolved) }
                return String(cString: resolved)
            },
            accounts: Accounts(
                user: { AccountFiles.user($0, in: users)?.uid }, group: { AccountFiles.group($0, in: groups) }))
    }()
}
