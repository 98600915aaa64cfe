import Glibc
import LinuxSystem
import SandboxPolicy

/// The policies of this daemon: the built-in ones, and what root has put beside them.
enum PolicyFiles {
    static let defaultDirectory = "/etc/sandboxd/policies"

    /// Reads `directory` (the default one only if it exists) and then the single files. Those in a directory must be
    /// root's; a single file was named by root, and whose it is was root's to see.
    static func load(directory: String?, files: [String]) throws -> PolicySet {
        var contents: [(name: String, contents: [UInt8])] = []
        do throws(SystemError) {
            for path in try paths(in: directory) {
                contents.append((name(of: path), try TrustedFile.read(path, ownedByRoot: true)))
            }
            for path in files { contents.append((name(of: path), try TrustedFile.read(path, ownedByRoot: false))) }
        } catch {
            throw StartUpError(.configuration, "\(error)")
        }
        do throws(PolicyErrors) {
            let builtIn = try PolicySet.builtIn()
            return contents.isEmpty ? builtIn : try PolicySet.load(files: contents, over: builtIn)
        } catch {
            throw StartUpError(.configuration, "\(error)")
        }
    }

    /// A policy is called as its file is, without the ending.
    private static func name(of path: String) -> String {
        let base = path.split(separator: "/").last.map(String.init) ?? path
        for ending in [".yaml", ".yml"] where base.hasSuffix(ending) { return String(base.dropLast(ending.count)) }
        return base
    }

    private static func paths(in directory: String?) throws(SystemError) -> [String] {
        if directory == nil, access(defaultDirectory, F_OK) != 0 { return [] }
        let directory = directory ?? defaultDirectory
        return try TrustedFile.list(directory)
            .filter { !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) }
            .map { "\(directory)/\($0)" }
    }
}
