/// The name of a container's image, in the grammar of the Engine: `[HOST[:PORT]/]NAME[:TAG][@sha256:DIGEST]`, or
/// `sha256:ID` for one that the engine has and that no registry has named.
enum ImageReference {
    static let maximumBytes = 512
    /// What the engine takes of a name without tag and digest.
    private static let maximumName = 255
    private static let maximumTag = 128

    /// Whether it names the same content for all time, by a digest or an image's id.
    static func isPinned(_ text: String) -> Bool { text.contains("@sha256:") || isIdentifier(text) }

    /// `sha256:` and an image's id, which only an engine that has it knows.
    static func isIdentifier(_ text: String) -> Bool { isDigest(text[...]) }

    /// Why a text is no such name, or `nil` when it is one.
    static func problem(of text: String) -> String? {
        let shown = "'\(text.prefix(80))'"
        if isIdentifier(text) { return nil }
        if text.hasPrefix(algorithm) { return "\(shown) is no image's id: sha256: and 64 digits of 0-9 and a-f" }
        var name = text[...]
        if let at = name.firstIndex(of: "@") {
            let digest = name[name.index(after: at)...]
            guard isDigest(digest) else {
                return "'\(digest.prefix(80))' is no digest: sha256: and 64 digits of 0-9 and a-f"
            }
            name = name[..<at]
        }
        let slash = name.lastIndex(of: "/").map(name.index(after:)) ?? name.startIndex
        if let colon = name[slash...].lastIndex(of: ":") {
            let tag = name[name.index(after: colon)...]
            guard isTag(tag) else {
                return
                    "'\(tag.prefix(80))' is no tag: at most \(maximumTag) letters, digits, _, . and -, the first no . or -"
            }
            name = name[..<colon]
        }
        guard name.utf8.count <= maximumName else {
            return "\(shown) is longer than an image's name may be (\(maximumName) bytes without tag and digest)"
        }
        return problem(ofName: name)
    }

    private static func problem(ofName name: Substring) -> String? {
        var parts = name.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count > 1, isHost(parts[0]) {
            let host = parts.removeFirst()
            if !isValidHost(host) { return "'\(host.prefix(80))' is no host of a registry" }
        }
        if let bad = parts.first(where: { !isComponent($0) }) {
            return "'\(bad.prefix(80))' is no part of an image's name: a-z and 0-9, with ., _, __ or - between them"
        }
        // The engine would take it for an image's id, or for none.
        if parts.count == 1, name.utf8.count == 64, name.utf8.allSatisfy(isHexadecimal) {
            return "'\(name)' is an image's id; write sha256:\(name)"
        }
        return nil
    }

    /// What the engine takes the part before the first slash for.
    private static func isHost(_ part: Substring) -> Bool {
        part.contains(".") || part.contains(":") || part == "localhost" || part.utf8.contains(where: isUpperCase)
    }

    private static func isValidHost(_ host: Substring) -> Bool {
        var name = host
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
            let port = host[host.index(after: colon)...]
            guard UInt16(port) != nil, port.utf8.allSatisfy(isDigit) else { return false }
            name = host[..<colon]
        }
        if name.hasPrefix("["), name.hasSuffix("]") {
            let address = name.dropFirst().dropLast()
            return !address.isEmpty && address.utf8.allSatisfy { isHexadecimal($0) || $0 == UInt8(ascii: ":") }
        }
        return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && !part.hasPrefix("-") && !part.hasSuffix("-")
                && part.utf8.allSatisfy { isAlphanumeric($0) || isUpperCase($0) || $0 == UInt8(ascii: "-") }
        }
    }

    /// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
    private static func isComponent(_ part: Substring) -> Bool {
        guard let first = part.utf8.first, let last = part.utf8.last, isAlphanumeric(first), isAlphanumeric(last) else {
            return false
        }
        return part.utf8.split(whereSeparator: isAlphanumeric).allSatisfy { between in
            let text = String(decoding: Array(between), as: UTF8.self)
            return [".", "_", "__"].contains(text) || text.utf8.allSatisfy { $0 == UInt8(ascii: "-") }
        }
    }

    private static func isTag(_ tag: Substring) -> Bool {
        guard let first = tag.utf8.first, tag.utf8.count <= maximumTag else { return false }
        func isWord(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || isUpperCase(byte) || byte == UInt8(ascii: "_") }
        return isWord(first)
            && tag.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }

    private static let algorithm = "sha256:"

    private static func isDigest(_ text: Substring) -> Bool {
        text.hasPrefix(algorithm) && text.utf8.count == algorithm.utf8.count + 64
            && text.utf8.dropFirst(algorithm.utf8.count).allSatisfy(isHexadecimal)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isUpperCase(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// The same for editors, but for lengths.
    static let pattern: String = {
        let digest = "sha256:[0-9a-f]{64}"
        let label = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
        let host = "(\(label)(\\.\(label))*|\\[[0-9a-f:]+\\])(:[0-9]{1,5})?"
        let part = "[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*"
        return
            "^(\(digest)|(?!sha256:)(\(host)/)?\(part)(/\(part))*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@\(digest))?)$"
    }()
}
