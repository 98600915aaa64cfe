import CSandbox
import Glibc
import LinuxSystem

/// A host path that a policy shows inside.
struct ShownPath {
    var path: String
    var isDirectory: Bool
}

/// What a template's root file system consists of, read from the host once per policy.
struct TemplateContents {
    /// In the order of the policy; what the host does not have is left out.
    var shown: [ShownPath] = []
    /// Symbolic links at the root, as on the host: bin -> usr/bin.
    var links: [(name: String, target: String)] = []
    /// Small files of /etc, by name.
    var files: [(name: String, contents: [UInt8])] = []

    private static let systemDirectories = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]
    /// Copied from the host where it has them. None of them names a user or a secret.
    private static let copied = ["ld.so.cache", "localtime", "timezone", "debian_version", "protocols", "services"]

    init(readPaths: [String]) throws(SystemError) {
        for path in readPaths { if let shown = Self.look(at: path) { self.shown.append(shown) } }
        for name in Self.systemDirectories {
            if let target = Self.linkTarget("/\(name)") {
                links.append((name, target))
            } else if readPaths.contains("/usr"), let directory = Self.look(at: "/\(name)") {
                // A host whose /bin is not part of /usr.
                shown.append(directory)
            }
        }
        for name in Self.copied {
            if let contents = try? wholeFileBytes("/etc/\(name)") { files.append((name, contents)) }
        }
        for (name, text) in Self.written { files.append((name, Array(text.utf8))) }
    }

    /// Written for every sandbox alike: nothing of the host's users, names or services.
    private static let written: KeyValuePairs = [
        "passwd": """
        root:x:0:0:root:/:/usr/sbin/nologin
        sandbox:x:1000:1000:sandbox:/tmp:/bin/sh
        nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin

        """,
        "group": "root:x:0:\nsandbox:x:1000:\nnogroup:x:65534:\n",
        "hosts": "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n",
        "hostname": "sandbox\n",
        "host.conf": "multi on\n",
        "nsswitch.conf":
            "passwd: files\ngroup: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n",
        "shells": "/bin/sh\n/bin/bash\n",
    ]

    private static func look(at path: String) -> ShownPath? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return ShownPath(path: path, isDirectory: true)
        case S_IFREG: return ShownPath(path: path, isDirectory: false)
        default: return nil
        }
    }

    private static func linkTarget(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = readlink(path, &buffer, 4096)
        return count > 0 ? String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }
}
