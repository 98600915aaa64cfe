import ShellSyntax

/// The dangers that `check` of a rule names.
extension CommandScan {
    func matches(_ check: CommandCheck, _ command: FoundCommand) -> Match {
        switch check {
        case .deletesRoot: deletesRoot(command)
        case .changesRoot: changesRoot(command)
        case .writesDevice: writesDevice(command)
        case .forkBomb: command.place.map { texts[$0.text].forkBombs.contains($0.index) ? .yes : .no } ?? .no
        case .runsDownload: runsOutput(of: .download, command)
        case .runsDecoded: runsOutput(of: .decoder, command)
        case .reverseShell: reverseShell(command)
        case .killsAll: killsAll(command)
        }
    }

    // MARK: Roots

    private func deletesRoot(_ command: FoundCommand) -> Match {
        switch command.name {
        case "rm":
            guard isRecursive(command, letters: "rR", long: "--recursive") else {
                // An unquoted variable may bring options as well as directories.
                let isOpen = command.words.dropFirst().contains {
                    $0.isUndecided && $0.mayBeSeveral && $0.prefix.isEmpty
                }
                return isOpen ? .maybe : .no
            }
            return worst(operands(command).map { root($0, command) })
        case "find": return findDeletesRoot(command)
        default: return .no
        }
    }

    private func changesRoot(_ command: FoundCommand) -> Match {
        guard let name = command.name, ["chmod", "chown", "chgrp"].contains(name) else { return .no }
        guard isRecursive(command, letters: "R", long: "--recursive") else { return .no }
        // The first operand is the mode or the owner, where no reference file gives it.
        let hasReference = command.words.contains { $0.literal?.hasPrefix("--ref") ?? false }
        return worst(operands(command).dropFirst(hasReference ? 0 : 1).map { root($0, command) })
    }

    private func isRecursive(_ command: FoundCommand, letters: String, long: String) -> Bool {
        for word in command.words.dropFirst() {
            guard let text = word.literal else { continue }
            if text == "--" { return false }
            if text.hasPrefix("--") {
                if text.utf8.count > 4, long.hasPrefix(text) { return true }
            } else if text.hasPrefix("-"), text.contains(where: { letters.contains($0) }) {
                return true
            }
        }
        return false
    }

    private func operands(_ command: FoundCommand) -> [ShellValue] {
        var ended = false
        return command.words.dropFirst().filter { word in
            if ended { return true }
            ended = word.literal == "--"
            return !ended && !(word.literal?.hasPrefix("-") ?? false)
        }
    }

    private static let filesFindTakes: Set<String> = [
        "-delete", "-xdev", "-mount", "-depth", "-d", "-print", "-print0", "-true", "-ignore_readdir_race", "-noleaf",
        "-P",
        "-L", "-H",
    ]

    /// `find / -delete` and `find / -exec rm`, where nothing but the kind of a file is asked.
    private func findDeletesRoot(_ command: FoundCommand) -> Match {
        let arguments = Array(command.words.dropFirst())
        var starts: [ShellValue] = []
        var deletes = false
        var index = 0
        while index < arguments.count {
            let word = arguments[index].literal
            index += 1
            guard let word, word.hasPrefix("-") || ["(", ")", "!", ","].contains(word) else {
                starts.append(arguments[index - 1])
                continue
            }
            if word == "-delete" { deletes = true }
            if ["-exec", "-execdir", "-ok", "-okdir"].contains(word) {
                let names = arguments[index...].prefix(2).compactMap { $0.literal.map(PolicyPath.lastComponent) }
                if names.contains("rm") || names.contains("shred") { deletes = true }
                break
            }
            if word == "-type" || word == "-maxdepth" || word == "-mindepth" {
                index += 1
            } else if !Self.filesFindTakes.contains(word) {
                // Something is chosen by name, age or the like.
                return .no
            }
        }
        // `find . -delete` empties the workspace and leaves it there, as `rm -rf *` does.
        let others = starts.filter {
            $0.literal.map { !$0.allSatisfy { $0 == "." || $0 == "/" } || $0.contains("..") } ?? true
        }
        return deletes ? worst((others + starts.filter { $0.prefix.hasPrefix("/") }).map { root($0, command) }) : .no
    }

    private static let roots: Set<String> = [
        "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/media", "/mnt", "/opt", "/proc",
        "/root",
        "/run", "/sbin", "/srv", "/sys", "/usr", "/var", "~", "", "..",
    ]

    /// Whether a path is one of the directories whose loss is a disaster, or all that is in one.
    private func root(_ value: ShellValue, _ command: FoundCommand) -> Match {
        guard let text = value.pattern else {
            let known = value.prefix
            // `$x/` and `/$x` may be anything; `build/$x` is taken for what it says.
            let isOpen = known.isEmpty || known == "/" || value.segments.first == .home && value.segments.count == 2
            return isOpen ? .maybe : .no
        }
        if isRoot(text) { return .yes }
        guard let place = command.place.flatMap({ texts[$0.text].directories[$0.index] }) else { return .no }
        return ["*", "./*", ".*", "./.*"].contains(text) && isRoot(place) ? .yes : .no
    }

    private func isRoot(_ text: String) -> Bool {
        guard !text.isEmpty else { return false }
        var parts = PolicyPath.components(text).filter { $0 != "." }
        var isAll = false
        if let last = parts.last, ["*", ".*", ".[!.]*", "{*,.*}"].contains(last) {
            parts.removeLast()
            isAll = true
        }
        var stack: [Substring] = []
        for part in parts {
            if part == "..", let last = stack.last, last != ".." { stack.removeLast() } else { stack.append(part) }
        }
        if text.hasPrefix("/") {
            stack.removeAll { $0 == ".." }
            return Self.roots.contains("/" + stack.joined(separator: "/"))
        }
        // Relative: `.` is the workspace, which `*` empties and `.` deletes; any number of `..` leads out of it.
        if stack.isEmpty { return !isAll }
        return stack.allSatisfy { $0 == ".." } || stack == ["~"]
    }

    // MARK: Devices

    private static let harmlessDevices: Set<String> = [
        "null", "zero", "full", "random", "urandom", "tty", "stdin", "stdout", "stderr", "ptmx", "console", "clipboard",
    ]

    private func writesDevice(_ command: FoundCommand) -> Match {
        var result = Match.no
        for redirection in command.redirections {
            switch redirection.operator {
            case .write, .append, .clobber, .readWrite, .both, .appendBoth, .duplicateOutput:
                result = worst([result, device(redirection.target)])
            case .read, .duplicateInput, .document, .documentStripped, .string: break
            }
        }
        let words = command.words.dropFirst()
        switch command.name {
        case "dd":
            for word in words where word.prefix.hasPrefix("of=") || word.prefix.isEmpty && word.isUndecided {
                result = worst([result, device(word, behind: "of=")])
            }
        case "tee", "shred", "truncate", "wipe", "blkdiscard":
            result = worst([result] + words.map { device($0) })
        case "cp", "mv", "install":
            if let last = words.last { result = worst([result, device(last)]) }
        default: break
        }
        return result
    }

    private func device(_ value: ShellValue, behind option: String = "") -> Match {
        guard let text = value.pattern else {
            let known = value.prefix
            guard known.hasPrefix(option) || option.hasPrefix(known) else { return .no }
            let path = String(known.dropFirst(option.utf8.count))
            // A value that is not known at all is a file nearly always; `/dev/$x` is asked about.
            return path.hasPrefix("/dev/") && !path.hasPrefix("/dev/shm/") && !path.hasPrefix("/dev/fd/") ? .maybe : .no
        }
        guard text.hasPrefix(option) else { return .no }
        let path = PolicyPath.normalised(String(text.dropFirst(option.utf8.count)))
        guard path.hasPrefix("/dev/") else { return .no }
        let name = path.dropFirst(5)
        let first = name.prefix { $0 != "/" }
        let isHarmless =
            Self.harmlessDevices.contains(String(name)) || ["fd", "shm", "pts", "tcp", "udp"].contains(first)
        return isHarmless ? .no : .yes
    }

    // MARK: Processes

    private func killsAll(_ command: FoundCommand) -> Match {
        if command.name == "killall5" { return .yes }
        guard command.name == "kill" else { return .no }
        var words = command.words.dropFirst()[...]
        var result = Match.no
        // The first word with a `-` is the signal; `-s`, `-n` take it as the next one.
        if let option = words.first?.literal, option.hasPrefix("-"), option != "--" {
            if option == "-l" || option == "-L" { return .no }
            words = words.dropFirst(option == "-s" || option == "-n" || option == "--signal" ? 2 : 1)
        }
        for word in words where word.literal == "-1" { result = .yes }
        return result
    }

    func worst(_ matches: some Sequence<Match>) -> Match {
        var result = Match.no
        for match in matches {
            if match == .yes { return .yes }
            if match == .maybe { result = .maybe }
        }
        return result
    }
}
