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

    /// Whether a command prints it, itself or by what `sudo`, `env` and the like run.
    func prints(_ invocation: ShellInvocation) -> Bool {
        guard let first = invocation.words.first?.literal else { return false }
        guard WrapperTable.named(PolicyPath.lastComponent(first)) != nil else { return prints(invocation.words) }
        return CommandScan.behindWrappers(invocation.words).contains { prints($0.words) }
    }

    private func prints(_ words: [ShellValue]) -> Bool {
        guard let name = words.first?.literal.map(PolicyPath.lastComponent), programs.contains(name) else {
            return false
        }
        return self == .download || decodes(name, words)
    }

    /// A decoder must decode; one that encodes is harmless.
    private func decodes(_ name: String, _ words: [ShellValue]) -> Bool {
        if name == "uudecode" { return true }
        let options = words.compactMap(\.literal)
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
