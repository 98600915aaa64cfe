/// Paths by spelling alone. Nothing here touches a file system: the launcher walks by descriptor.
enum PolicyPath {
    static let maximumBytes = 4095

    /// Directories that no policy may show, because they hold the host's state or are the sandbox's own, with all below.
    static let reserved = [
        "/proc", "/sys", "/dev", "/run", "/var/run", "/root", "/boot", "/tmp", "/sandbox", "/workspace",
    ]

    /// Secrets of the host: neither these, nor anything below them, nor a directory that contains one.
    static let secrets = [
        "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssh",
        "/etc/ssl/private", "/etc/security/opasswd", "/etc/krb5.keytab",
    ]

    /// What no spelling of which may be shown, for editors; `refusal` knows also what lies below.
    static var never: [String] { ["/", "/etc"] + reserved + secrets }

    /// Absolute and normalised, as a regular expression of JSON Schema.
    static let pattern = "^\(absolute)$"
    static let programPattern = "^\(absolute)/?$"
    static let rootPattern = "^(~|/|\(absolute))$"
    private static let absolute = "(/(?!\\.{1,2}(/|$))[^/*]+)+"

    /// Why a policy may not show this path, or `nil` when it may. `/etc/ssl` may: its `private` is unreadable inside.
    static func refusal(ofReading path: String) -> String? {
        if path == "/" { return "'/' would show the whole host; name the directories that are needed" }
        if path == "/etc" { return "'/etc' holds secrets; name the files and folders in it that are needed" }
        if let place = reserved.first(where: { isAtOrBelow(path, $0) }) {
            return "'\(path)' is not allowed: \(place) is the host's or the sandbox's own"
        }
        if let secret = secrets.first(where: { isAtOrBelow(path, $0) || isAtOrBelow($0, path) }), path != "/etc/ssl" {
            return "'\(path)' is not allowed: \(secret) is a secret of the host"
        }
        return nil
    }

    /// Why a text is not an absolute, normalised path, or `nil` when it is.
    static func problem(of path: String) -> String? {
        let shown = "'\(path.prefix(80))'"
        if !path.hasPrefix("/") { return "\(shown) is not an absolute path" }
        if path.utf8.count > maximumBytes { return "\(shown) is longer than \(maximumBytes) bytes" }
        if path.contains("*") { return "\(shown) has a '*'; paths are taken literally" }
        let normal = normalised(path)
        return normal == path ? nil : "\(shown) is not normalised; write '\(normal.prefix(80))'"
    }

    /// Why a text is neither a program's path nor a directory's with a slash at its end, or `nil` when it is one.
    static func problem(ofProgram path: String) -> String? {
        if path == "/" { return "'/' would allow every program; name the directories, as in /usr/bin/" }
        return problem(of: path.hasSuffix("/") ? String(path.dropLast()) : path)
    }

    /// On a merged-/usr host, which every host of today is, these are links into /usr.
    static let merged = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]

    /// Where the loader looks without being told: what `commands.libraries` is without the key.
    static let libraries = [
        "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/lib",
    ]

    /// `/bin/sh` as `/usr/bin/sh`.
    static func merging(_ path: String) -> String {
        merged.contains { isAtOrBelow(path, $0) } ? "/usr" + path : path
    }

    /// Whether an entry of `commands.execute` names a path: the same, or below its directory.
    static func isListed(_ path: String, by entry: String) -> Bool {
        let entry = merging(entry)
        return entry.hasSuffix("/") ? merging(path).hasPrefix(entry) : merging(path) == entry
    }

    /// Without `//`, `.`, `..` and a slash at the end.
    static func normalised(_ path: String) -> String {
        var parts: [Substring] = []
        for part in components(path) where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        let isAbsolute = path.utf8.first == UInt8(ascii: "/")
        return (isAbsolute ? "/" : "") + parts.joined(separator: "/")
    }

    /// Split as the kernel does it, at bytes: to Swift a slash with a combining character behind it is another character.
    static func components(_ path: String) -> [Substring] {
        path.utf8.split(separator: UInt8(ascii: "/")).map { Substring($0) }
    }

    /// The name behind the last slash, bytewise as the kernel reads it; of "/usr/bin/" it is "bin", of "/" nothing.
    static func lastComponent(_ path: String) -> String {
        var path = path
        let slash = UInt8(ascii: "/")
        return path.withUTF8 { bytes in
            var end = bytes.count
            while end > 0, bytes[end - 1] == slash { end -= 1 }
            var start = end
            while start > 0, bytes[start - 1] != slash { start -= 1 }
            return String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self)
        }
    }

    static func isAtOrBelow(_ path: String, _ directory: String) -> Bool {
        path == directory || isBelow(path, directory)
    }

    static func isBelow(_ path: String, _ directory: String) -> Bool {
        directory == "/" ? path != "/" : path.hasPrefix(directory + "/")
    }
}
