import ShellSyntax

/// Finds the commands that wrappers run.
extension CommandScan {
    mutating func unwrap(_ name: String, _ command: FoundCommand, depth: Int) {
        guard let wrapper = WrapperTable.named(name) else { return }
        let arguments = Array(command.words.dropFirst())
        switch name {
        case "find": return unwrapFind(arguments, command, depth: depth)
        case "capsh": return unwrapCapabilityShell(arguments, command, depth: depth)
        case "busybox", "toybox": return unwrapApplet(arguments, command, depth: depth)
        default: break
        }
        if let reason = wrapper.doubt { doubt(reason, command) }
        guard let use = use(of: wrapper, arguments, command) else { return }
        for variable in use.variables { poison(assignment: variable, command) }
        if use.loadsCode { poison("LD_PRELOAD", command) }
        if use.runsNothing { return }
        for text in use.texts { scan(joined: [text], command, depth: depth) }
        run(use, of: wrapper, command, depth: depth)
    }

    /// Reads a wrapper's arguments, those too that `env -S` makes of its text.
    private mutating func use(
        of wrapper: CommandWrapper, _ arguments: [ShellValue], _ command: FoundCommand
    ) -> WrapperUse? {
        var words = arguments
        if wrapper.leadingOperand, let first = words.first, !first.prefix.hasPrefix("-") {
            if first.literal == nil { doubt("a word that is not known may be an option", command) }
            words.removeFirst()
        }
        for _ in 0..<Self.maximumDepth {
            var use = WrapperUse(words, wrapper)
            if wrapper.resumes {
                var other = wrapper
                other.operands = 0
                use.resume(WrapperUse(use.rest, other))
            }
            for reason in use.doubts { doubt(reason, command) }
            guard let text = use.split else { return use }
            for variable in use.variables { poison(assignment: variable, command) }
            guard let literal = text.literal else {
                doubt("the text of env -S is not known", command)
                return nil
            }
            guard let cut = EnvironmentSplit.words(of: literal), cut.count + use.rest.count < 4096 else {
                doubt("the text of env -S is not understood", command)
                return nil
            }
            words = cut + use.rest
        }
        doubt("env -S is nested", command)
        return nil
    }

    private mutating func run(_ use: WrapperUse, of wrapper: CommandWrapper, _ command: FoundCommand, depth: Int) {
        let rest = use.rest
        switch wrapper.rest {
        case .nothing: break
        case .command: runCommand(use, of: wrapper, command, depth: depth)
        case .text where use.isDirect: inner(rest, command, depth: depth)
        case .text:
            if !rest.isEmpty { scan(joined: rest, command, depth: depth) }
        case .commandOrText:
            if rest.first?.literal == "-c" || rest.first?.literal == "--command" {
                scan(joined: Array(rest.dropFirst().prefix(1)), command, depth: depth)
            } else {
                inner(rest, command, depth: depth)
            }
        case .onlyText:
            let text = rest.first?.literal == "-c" && rest.count > 1 ? rest[1] : rest.first
            guard let text else { return runShell(command, depth: depth) }
            scan(joined: [text], command, depth: depth)
        case .texts:
            for text in rest { scan(joined: [text], command, depth: depth) }
        case .login: runLogin(use, command, depth: depth)
        case .arguments:
            // One alone is started: each with all that follows would be a tree of them.
            if let program = use.values["a"] ?? use.values["x"] { inner([program] + rest, command, depth: depth) }
        case .session:
            // Later versions run what stands behind `--`.
            if use.hasDashes || rest.count > 1 { doubt("it may run its operands", command) }
            if use.texts.isEmpty { runShell(command, depth: depth) }
        }
    }

    private mutating func runCommand(
        _ use: WrapperUse, of wrapper: CommandWrapper, _ command: FoundCommand, depth: Int
    ) {
        for program in use.programs { inner([program], command, depth: depth) }
        if use.isText { return scan(joined: Array(use.rest.prefix(1)), command, depth: depth) }
        if use.isProcess, use.rest.count <= 1 {
            // `taskset -p 1 PROGRAM 0` runs it.
            if use.rest.contains(where: \.mayBeSeveral) { doubt("a process may be several words", command) }
            return
        }
        if wrapper.options.permutes, use.hasLateOption {
            doubt("an option behind the command may be the command's", command)
        }
        guard !use.rest.isEmpty else {
            if use.startsShell { runShell(command, depth: depth) }
            if wrapper.doubt != nil { doubt("commands are read from the input", command) }
            return
        }
        if use.startsShell, !wrapper.startsShell, use.rest.contains(where: { $0.prefix.contains("$") }) {
            // `sudo -s` quotes for the shell all but this.
            doubt("a shell reads the command", command)
        }
        var words = use.rest
        for mark in use.replaced {
            guard let text = mark.literal else {
                doubt("what stands for the input is not known", command)
                continue
            }
            words = words.map { $0.replacing(text) }
        }
        // A limit behind -I takes its effect away.
        let appends = wrapper.appends && (use.replaced.isEmpty || !use.keys.isDisjoint(with: ["n", "L", "l"]))
        let more = appends ? [ShellValue(segments: [.unknown(ShellValue.Unknown(splits: true))])] : []
        inner(words + more, command, depth: depth)
    }

    /// A shell that reads its standard input.
    private mutating func runShell(_ command: FoundCommand, depth: Int) {
        inner([ShellValue(literal: "sh")], command, depth: depth)
    }

    /// `su [-c TEXT] [USER [ARGUMENT...]]`: the arguments are those of the user's shell.
    private mutating func runLogin(_ use: WrapperUse, _ command: FoundCommand, depth: Int) {
        if use.keys.contains("u") { return inner(use.rest, command, depth: depth) }
        if use.rest.first?.mayBeSeveral ?? false { doubt("an operand may be several words", command) }
        let shell = use.values["s"] ?? ShellValue(literal: "sh")
        let text = use.values["c"].map { [ShellValue(literal: "-c"), $0] } ?? []
        inner([shell] + text + use.rest.dropFirst(), command, depth: depth)
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
}

// MARK: - Programs with a way of their own

extension CommandScan {
    /// `busybox APPLET ...`; without one it only lists them.
    private mutating func unwrapApplet(_ arguments: [ShellValue], _ command: FoundCommand, depth: Int) {
        if let applet = arguments.first?.literal, applet != "find", WrapperTable.named(applet) != nil,
            arguments.count > 1, arguments[1].literal.map({ $0.hasPrefix("-") }) ?? true
        {
            doubt("\(applet) of \(command.name ?? "") has options of its own", command)
        }
        inner(arguments, command, depth: depth)
    }

    /// `capsh [OPTION...] -- [ARGUMENT of bash...]`
    private mutating func unwrapCapabilityShell(_ arguments: [ShellValue], _ command: FoundCommand, depth: Int) {
        var shell = ShellValue(literal: "/bin/bash")
        for (index, word) in arguments.enumerated() {
            switch word.literal {
            case "--", "-+": return inner([shell] + arguments[(index + 1)...], command, depth: depth)
            case "==", "=+", nil: return doubt("what capsh runs is not known", command)
            case let text? where text.utf8.starts(with: "--shell=".utf8):
                // By bytes: a combining character behind the `=` belongs to the name.
                shell = ShellValue(literal: String(decoding: text.utf8.dropFirst(8), as: UTF8.self))
            default: break
            }
        }
    }

    /// The commands of -exec and its like. A word that is the argument of a test is no action, whatever it says.
    private mutating func unwrapFind(_ arguments: [ShellValue], _ command: FoundCommand, depth: Int) {
        var index = 0
        while index < arguments.count {
            let word = arguments[index].literal
            index += 1
            if word == nil, arguments[index - 1].mayBeSeveral, arguments[index - 1].prefix.isEmpty {
                // `find $paths` could bring an -exec with it.
                doubt("find's arguments are not known", command)
            }
            guard let word else { continue }
            let taken = FindArguments.count(behind: word)
            if arguments[index...].prefix(taken).contains(where: { $0.mayBeSeveral && $0.prefix.isEmpty }) {
                doubt("find's arguments are not known", command)
            }
            index = min(index + taken, arguments.count)
            guard ["-exec", "-execdir", "-ok", "-okdir"].contains(word) else { continue }
            var words: [ShellValue] = []
            // By bytes: another character that Unicode takes for a semicolon ends nothing.
            while index < arguments.count, !arguments[index].isExactly(";") {
                if word.utf8.starts(with: "-exec".utf8), arguments[index].isExactly("+"),
                    words.last?.isExactly("{}") ?? false
                {
                    break
                }
                if arguments[index].mayBeSeveral, arguments[index].prefix.isEmpty, arguments[index].isUndecided {
                    doubt("where find's command ends is not known", command)
                }
                words.append(arguments[index])
                index += 1
            }
            inner(words.map { $0.replacing("{}") }, command, depth: depth)
        }
    }
}

/// How many words the tests and actions of find take.
private enum FindArguments {
    private static let single: Set<String> = Set(
        """
        -amin -anewer -atime -cmin -cnewer -context -ctime -fls -fprint -fprint0 -fstype -gid -group -ilname -iname -inum \
        -ipath -iregex -iwholename -links -lname -maxdepth -mindepth -mmin -mtime -name -newer -path -perm -printf \
        -regex -regextype -samefile -size -type -uid -used -user -wholename -xtype -D -files0-from
        """.split(separator: " ").map(String.init))

    static func count(behind word: String) -> Int {
        if word == "-fprintf" { return 2 }
        // -newerXY
        let isNewer = word.utf8.starts(with: "-newer".utf8) && word.utf8.count == 8
        return single.contains(word) || isNewer ? 1 : 0
    }
}

extension ShellValue {
    fileprivate func isExactly(_ text: String) -> Bool { literal?.utf8.elementsEqual(text.utf8) ?? false }
}

extension ShellValue {
    /// With one word that is not known in place of a mark, wherever it is in the known text.
    fileprivate func replacing(_ mark: String) -> ShellValue {
        guard !mark.isEmpty else { return self }
        var result: [Segment] = []
        for segment in segments {
            guard case .text(let text) = segment else {
                result.append(segment)
                continue
            }
            // By bytes, as programs do it: a combining character behind the mark does not hide it.
            for (index, piece) in Array(text.utf8).split(by: Array(mark.utf8)).enumerated() {
                if index > 0 { result.append(.unknown(Unknown(splits: false))) }
                if !piece.isEmpty { result.append(.text(String(decoding: piece, as: UTF8.self))) }
            }
        }
        return ShellValue(segments: result)
    }
}

extension [UInt8] {
    fileprivate func split(by mark: [UInt8]) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        var index = 0
        while index < count {
            if self[index] == mark[0], self[index...].starts(with: mark) {
                pieces.append(self[start..<index])
                index += mark.count
                start = index
            } else {
                index += 1
            }
        }
        return pieces + [self[start...]]
    }
}
