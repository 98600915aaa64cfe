import SandboxModel

/// Reads the command line of `sandboxctl exec` without ArgumentParser, which takes several milliseconds of every start: it
/// reflects over each option, and wants Foundation.
///
/// What it returns is what `ExecCommand` makes of the same words. Whatever it does not know or finds wrong it leaves to
/// that one, so that there is one help and one set of messages.
package enum ExecScanner {
    private enum Option {
        case flag(WritableKeyPath<ExecOptions, Bool>)
        case word(WritableKeyPath<ExecOptions, String?>)
        case variable
        case weakness
        case keep(WritableKeyPath<ExecOptions, OutputKeep.Part?>)
        case interval
        /// Takes the next word whatever it is, so that "-1" is a bad amount and not an unknown option.
        case limit(RequestLimit)
    }

    /// What an option is called, and where its value goes. A switch, because of a table each start would make all of it.
    private static func option(_ name: Substring) -> Option? {
        switch name {
        case "policy": .word(\.policy)
        case "workspace": .word(\.workspace)
        case "env": .variable
        case "accept-weaker": .weakness
        case "stdin": .word(\.stdin)
        case "cwd": .word(\.cwd)
        case "keep-stdout": .keep(\.keepStdout)
        case "keep-stderr": .keep(\.keepStderr)
        case "usage": .interval
        case "tty": .flag(\.tty)
        case "json": .flag(\.json)
        case "report": .word(\.report)
        case "trace": .flag(\.trace)
        case "quiet": .flag(\.quiet)
        case "socket": .word(\.socket)
        case "standalone": .flag(\.standalone)
        default: RequestLimit(rawValue: String(name)).map(Option.limit)
        }
    }

    private struct Words {
        let all: [String]
        var position = 0

        mutating func next() -> String? {
            guard position < all.count else { return nil }
            defer { position += 1 }
            return all[position]
        }
    }

    /// The options of a whole command line, program and verb first; `nil` when it is for ArgumentParser.
    package static func scan(_ arguments: [String]) -> ExecOptions? {
        guard arguments.count > 1, arguments[1] == "exec" else { return nil }
        var words = Words(all: arguments, position: 2)
        var options = ExecOptions()
        while let word = words.next() {
            if word == "--" {
                options.command = Array(arguments[words.position...])
                return options.contradiction == nil ? options : nil
            }
            guard word.hasPrefix("--"), take(word.dropFirst(2), from: &words, into: &options) else { return nil }
        }
        return nil
    }

    /// Takes one option, "name" or "name=value", with its value. Returns whether that was possible.
    private static func take(_ word: Substring, from words: inout Words, into options: inout ExecOptions) -> Bool {
        let name = word.prefix { $0 != "=" }
        let hasValue = name.endIndex != word.endIndex
        guard let option = option(name) else { return false }
        if case .flag(let place) = option {
            options[keyPath: place] = true
            return !hasValue
        }
        let text = hasValue ? String(word[name.endIndex...].dropFirst()) : words.next()
        guard let text, !text.isEmpty else { return false }
        if case .limit = option {
            guard text != "--" else { return false }
        } else if !hasValue {
            // What looks like an option is none's value.
            guard text == "-" || !text.hasPrefix("-") else { return false }
        }
        return set(option, to: text, in: &options)
    }

    private static func set(_ option: Option, to text: String, in options: inout ExecOptions) -> Bool {
        switch option {
        case .flag: return false
        case .word(let place): options[keyPath: place] = text
        case .variable: options.environment.append(text)
        case .weakness: options.acceptWeaker.append(text)
        case .keep(let place):
            guard let part = try? KeepOption.parse(text) else { return false }
            options[keyPath: place] = part
        case .interval:
            guard let interval = try? Interval.parse(text) else { return false }
            options.usage = interval
        case .limit(let limit):
            guard let amount = try? limit.parse(text) else { return false }
            options.limits.set(limit, to: amount)
        }
        return true
    }
}
