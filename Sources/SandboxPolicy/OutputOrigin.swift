import ShellSyntax

/// Output that is nobody's program, until something runs it as one.
enum OutputOrigin: CaseIterable {
    case download
    case decoder

    private static let downloaders: Set<String> = [
        "curl", "wget", "wget2", "fetch", "aria2c", "http", "https", "lynx", "ftp",
    ]
    private static let decoders: Set<String> = ["base64", "base32", "basenc", "xxd", "openssl", "uudecode"]

    private var programs: Set<String> {
        switch self {
        case .download: Self.downloaders
        case .decoder: Self.decoders
        }
    }

    /// Whether a command prints it.
    func prints(_ invocation: ShellInvocation) -> Bool {
        for word in invocation.words.prefix(4) {
            guard let text = word.literal else { continue }
            let name = PolicyPath.lastComponent(text)
            if programs.contains(name) { return self == .download || decodes(name, invocation) }
            // Behind `sudo`, `env` and the like.
            guard CommandWrapper.named(name) != nil || text.hasPrefix("-") || text.contains("=") else { return false }
        }
        return false
    }

    /// A decoder must decode; one that encodes is harmless.
    private func decodes(_ name: String, _ invocation: ShellInvocation) -> Bool {
        if name == "uudecode" { return true }
        let options = invocation.words.compactMap(\.literal)
        switch name {
        case "xxd": return options.contains { $0.hasPrefix("-r") || $0.hasPrefix("-ps") || $0.hasPrefix("-p") }
        case "openssl": return options.contains("-d")
        default:
            return options.contains { option in
                option.hasPrefix("--d")
                    || option.hasPrefix("-") && !option.hasPrefix("--") && option.contains { $0 == "d" || $0 == "D" }
            }
        }
    }
}
