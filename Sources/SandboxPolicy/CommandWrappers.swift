import ShellSyntax

/// Programs that run another one from their arguments.
struct CommandWrapper {
    /// Letters of short options that take the next word, or the rest of theirs.
    var valued = ""
    /// Long options that take the next word when they have no `=`.
    var valuedLong: Set<String> = []
    /// Operands in front of the command.
    var operands = 0
    /// Whether `NAME=VALUE` may stand in front of it.
    var assigns = false
    /// Whether words that are not known are added behind.
    var appends = false

    static let all: [String: CommandWrapper] = [
        "env": CommandWrapper(valued: "uC", valuedLong: ["--unset", "--chdir", "--split-string"], assigns: true),
        "nice": CommandWrapper(valued: "n", valuedLong: ["--adjustment"]),
        "nohup": CommandWrapper(), "setsid": CommandWrapper(), "builtin": CommandWrapper(),
        "exec": CommandWrapper(valued: "a"), "command": CommandWrapper(), "coproc": CommandWrapper(),
        "timeout": CommandWrapper(valued: "ks", valuedLong: ["--kill-after", "--signal"], operands: 1),
        "stdbuf": CommandWrapper(valued: "ioe", valuedLong: ["--input", "--output", "--error"]),
        "time": CommandWrapper(valued: "fo", valuedLong: ["--format", "--output"]),
        "ionice": CommandWrapper(valued: "cnpPu", valuedLong: ["--class", "--classdata"]),
        "chrt": CommandWrapper(valued: "TPD", operands: 1), "taskset": CommandWrapper(operands: 1),
        "xargs": CommandWrapper(
            valued: "adEILnPs",
            valuedLong: [
                "--arg-file", "--delimiter", "--max-args", "--max-procs", "--max-chars", "--max-lines", "--replace",
                "--process-slot-var",
            ], appends: true),
        "parallel": CommandWrapper(
            valued: "jaIdLnNs", valuedLong: ["--jobs", "--arg-file", "--delimiter", "--max-args", "--joblog"],
            appends: true),
        "sudo": CommandWrapper(
            valued: "ugpCDhRrTtU", valuedLong: ["--user", "--group", "--prompt", "--chdir", "--chroot", "--host"],
            assigns: true),
        "doas": CommandWrapper(valued: "uC"), "pkexec": CommandWrapper(valuedLong: ["--user"]),
        "chroot": CommandWrapper(operands: 1), "unshare": CommandWrapper(valued: "SGRw"),
        "nsenter": CommandWrapper(valued: "tSGW", valuedLong: ["--target", "--setuid", "--setgid"]),
        "setpriv": CommandWrapper(
            valuedLong: ["--reuid", "--regid", "--groups", "--bounding-set", "--inh-caps", "--ambient-caps"]),
        "prlimit": CommandWrapper(valued: "po", valuedLong: ["--pid", "--output"]),
        "strace": CommandWrapper(
            valued: "eopsuPEIOSabX",
            valuedLong: ["--trace", "--output", "--attach", "--string-limit", "--user", "--env"]),
        "ltrace": CommandWrapper(valued: "eopsuaAnDlxF", valuedLong: ["--output"]),
        "flock": CommandWrapper(
            valued: "wE", valuedLong: ["--timeout", "--wait", "--conflict-exit-code"], operands: 1),
        "watch": CommandWrapper(valued: "nq", valuedLong: ["--interval", "--equexit"]),
        "busybox": CommandWrapper(), "toybox": CommandWrapper(), "fakeroot": CommandWrapper(),
        "catchsegv": CommandWrapper(),
        "xvfb-run": CommandWrapper(valued: "enfps"), "unbuffer": CommandWrapper(), "rlwrap": CommandWrapper(),
        "runuser": CommandWrapper(valued: "ugGsw", valuedLong: ["--user", "--group", "--shell"]),
        "numactl": CommandWrapper(valued: "mNCp"), "valgrind": CommandWrapper(), "gdb": CommandWrapper(),
        "ssh": CommandWrapper(valued: "bcDEeFIiJLlmOopQRSWw", operands: 1), "su": CommandWrapper(valued: "gGsw"),
        "script": CommandWrapper(valued: "EIOBTmo"), "find": CommandWrapper(),
    ]

    /// The dynamic loader runs the program that it is given.
    static let loader = CommandWrapper(
        valuedLong: ["--library-path", "--preload", "--argv0", "--audit", "--inhibit-rpath", "--glibc-hwcaps-prepend"])

    static func named(_ name: String) -> CommandWrapper? {
        if name.hasPrefix("ld-linux") || name.hasPrefix("ld-musl") || name == "ld.so" || name.hasPrefix("ld-2.") {
            return loader
        }
        return all[name]
    }
}

extension CommandScan {
    /// Finds the command that a wrapper runs.
    mutating func unwrap(_ name: String, _ command: FoundCommand, depth: Int) {
        guard let wrapper = CommandWrapper.named(name) else { return }
        let arguments = Array(command.words.dropFirst())
        switch name {
        case "find": return unwrapFind(arguments, command, depth: depth)
        case "gdb":
            guard let index = arguments.firstIndex(where: { $0.literal == "--args" }) else { return }
            return inner(Array(arguments[(index + 1)...]), command, depth: depth)
        case "command" where arguments.first.map { $0.literal.map { $0 == "-v" || $0 == "-V" } ?? false } ?? false:
            return
        case "busybox", "toybox":
            // Without an applet they only list them.
            return inner(arguments, command, depth: depth)
        default: break
        }
        guard let (rest, text) = skipOptions(wrapper, name, arguments, command) else { return }
        if let text { return scan(joined: [text], command, depth: depth) }
        switch name {
        case "su": return
        case "ssh", "watch":
            if !rest.isEmpty { scan(joined: rest, command, depth: depth) }
        case "flock" where rest.first?.literal == "-c" || rest.first?.literal == "--command":
            scan(joined: Array(rest.dropFirst()), command, depth: depth)
        case "script": return
        default:
            let more = wrapper.appends ? [ShellValue(segments: [.unknown(ShellValue.Unknown(splits: true))])] : []
            if name == "parallel" {
                if rest.isEmpty { return doubt("parallel reads its commands", command) }
                doubt("parallel puts commands together", command)
            }
            if !rest.isEmpty { inner(rest + more, command, depth: depth) }
        }
    }

    private mutating func inner(_ words: [ShellValue], _ command: FoundCommand, depth: Int) {
        guard !words.isEmpty else { return }
        // Builtins and functions are the shell's own: a wrapper that is a program starts programs.
        let staysInShell = ["command", "builtin", "exec", "time", "coproc"].contains(command.name ?? "")
        scan(
            FoundCommand(
                words: words, assignments: [], redirections: command.redirections, place: command.place,
                isInShell: command.isInShell && staysInShell && command.name != "exec"),
            depth: depth + 1)
    }

    /// What stands behind a wrapper's options and operands, or the text that an option like `-c` gives.
    private mutating func skipOptions(
        _ wrapper: CommandWrapper, _ name: String, _ arguments: [ShellValue], _ command: FoundCommand
    ) -> (rest: [ShellValue], text: ShellValue?)? {
        var index = 0
        var operands = wrapper.operands
        let takesText = ["su", "script", "runuser"].contains(name)
        var optionsEnded = false
        while index < arguments.count, operands > 0 || wrapper.operands == 0 {
            guard let word = arguments[index].literal else {
                let known = arguments[index].prefix
                if wrapper.assigns, let mark = known.firstIndex(of: "="), !arguments[index].mayBeSeveral {
                    poison(String(known[..<mark]), command)
                    index += 1
                    continue
                }
                if arguments[index].isUndecided || operands == 0 {
                    // It may be an option, which moves everything behind it; operands that are one word may be anything.
                    guard operands > 0, !arguments[index].mayBeSeveral else { break }
                }
                operands -= 1
                index += 1
                continue
            }
            if !optionsEnded, word.hasPrefix("-"), word.utf8.count > 1 || name == "env" || name == "su" {
                index += 1
                if word == "--" { optionsEnded = true }
                let split = textOption(word, name, takesText, arguments, at: &index)
                if let split {
                    return split.isSplit ? resplit(split.value, arguments, index, command) : ([], split.value)
                }
                if takesValue(word, wrapper) { index += 1 }
            } else if wrapper.assigns, let mark = word.firstIndex(of: "=") {
                poison(String(word[..<mark]), command)
                index += 1
            } else if operands > 0 {
                operands -= 1
                index += 1
            } else {
                break
            }
        }
        return (Array(arguments[min(index, arguments.count)...]), nil)
    }

    /// `-c TEXT` of su and its like, `-S TEXT` of env.
    private func textOption(
        _ word: String, _ name: String, _ takesText: Bool, _ arguments: [ShellValue], at index: inout Int
    ) -> (value: ShellValue, isSplit: Bool)? {
        func next() -> ShellValue {
            defer { index += 1 }
            return index < arguments.count ? arguments[index] : ShellValue(literal: "")
        }
        if takesText {
            if word == "--command" || word == "--session-command" { return (next(), false) }
            if word.hasPrefix("--command=") { return (ShellValue(literal: String(word.dropFirst(10))), false) }
            guard !word.hasPrefix("--"), let letter = word.firstIndex(of: "c") else { return nil }
            let rest = word[word.index(after: letter)...]
            return (rest.isEmpty ? next() : ShellValue(literal: String(rest)), false)
        }
        guard name == "env" else { return nil }
        if word == "--split-string" { return (next(), true) }
        if word.hasPrefix("--split-string=") { return (ShellValue(literal: String(word.dropFirst(15))), true) }
        guard !word.hasPrefix("--"), let letter = word.firstIndex(of: "S") else { return nil }
        let rest = word[word.index(after: letter)...]
        return (rest.isEmpty ? next() : ShellValue(literal: String(rest)), true)
    }

    /// `env -S`: the text is cut into words much as a shell does it, and they are env's own arguments again.
    private mutating func resplit(
        _ value: ShellValue, _ arguments: [ShellValue], _ index: Int, _ command: FoundCommand
    ) -> (rest: [ShellValue], text: ShellValue?)? {
        guard let text = value.literal else {
            doubt("the text of env -S is not known", command)
            return nil
        }
        guard let invocations = try? ShellParser.parse(text, dialect: .posix).invocations(), invocations.count == 1
        else {
            doubt("the text of env -S is not understood", command)
            return nil
        }
        for assignment in invocations[0].assignments { poison(assignment.name, command) }
        let words = invocations[0].words + arguments[min(index, arguments.count)...]
        guard let wrapper = CommandWrapper.all["env"], words.count < 4096 else { return nil }
        // `-S` in `-S` would call for ever; env itself refuses it.
        guard !words.contains(where: { $0.literal?.hasPrefix("-S") ?? false }) else {
            doubt("env -S is nested", command)
            return nil
        }
        return skipOptions(wrapper, "env", words, command)
    }

    private func takesValue(_ word: String, _ wrapper: CommandWrapper) -> Bool {
        if word.hasPrefix("--") { return wrapper.valuedLong.contains(word) }
        // In `-abc value` only the last letter's value is the next word.
        guard let index = word.dropFirst().firstIndex(where: { wrapper.valued.contains($0) }) else { return false }
        return word.index(after: index) == word.endIndex
    }

    /// The commands of -exec and its like.
    private mutating func unwrapFind(_ arguments: [ShellValue], _ command: FoundCommand, depth: Int) {
        var index = 0
        while index < arguments.count {
            let word = arguments[index].literal
            index += 1
            if word == nil, arguments[index - 1].mayBeSeveral, arguments[index - 1].prefix.isEmpty {
                // `find $paths` could bring an -exec with it.
                doubt("find's arguments are not known", command)
            }
            guard let word, ["-exec", "-execdir", "-ok", "-okdir"].contains(word) else { continue }
            var words: [ShellValue] = []
            while index < arguments.count, arguments[index].literal != ";" {
                if arguments[index].literal == "+", words.last?.literal == "{}" { break }
                words.append(arguments[index])
                index += 1
            }
            let given = words.map { word in
                word.literal?.contains("{}") ?? false
                    ? ShellValue(segments: [.unknown(ShellValue.Unknown(splits: false))]) : word
            }
            inner(given, command, depth: depth)
        }
    }
}
