/// What a word becomes when the shell has expanded it, as far as that can be known without running anything.
package struct ShellValue: Sendable, Hashable {
    package enum Segment: Sendable, Hashable {
        case text(String)
        /// Characters that stand for file names: `*`, `?`, `[a-z]`. Where no file matches they stay as they are.
        case glob(String)
        /// The home directory: `~` and `$HOME`.
        case home
        case unknown(Unknown)
    }

    package struct Unknown: Sendable, Hashable {
        /// Whether it may become several words or none, and begin or end with a blank.
        package var splits: Bool
        /// The commands whose output it is, as indices into the list of invocations.
        package var commands: Range<Int>

        package init(splits: Bool, commands: Range<Int> = 0..<0) {
            self.splits = splits
            self.commands = commands
        }
    }

    package var segments: [Segment]
    /// Whether braces were expanded, which not every shell does.
    package var hasBraces = false
    /// Whether any of it was quoted.
    package var isQuoted = false

    package init(segments: [Segment]) { self.segments = segments }

    package init(literal: String) { segments = literal.isEmpty ? [] : [.text(literal)] }

    /// The text, where all of it is known.
    package var literal: String? {
        if segments.count == 1, case .text(let all) = segments[0] { return all }
        var text = ""
        for segment in segments {
            guard case .text(let piece) = segment else { return nil }
            text += piece
        }
        return text
    }

    /// The text as written where a glob that matches nothing stays; `nil` where something is unknown.
    package var pattern: String? {
        var text = ""
        for segment in segments {
            switch segment {
            case .text(let piece), .glob(let piece): text += piece
            case .home: text += "~"
            case .unknown: return nil
            }
        }
        return text
    }

    package var isUndecided: Bool { segments.contains { if case .unknown = $0 { true } else { false } } }
    package var hasGlob: Bool { segments.contains { if case .glob = $0 { true } else { false } } }

    /// Whether this may become several words, or none.
    package var mayBeSeveral: Bool {
        segments.contains { segment in
            switch segment {
            case .unknown(let unknown): unknown.splits
            case .glob: true
            case .text, .home: false
            }
        }
    }

    /// The commands whose output is in it.
    package var sources: [Range<Int>] {
        segments.compactMap { segment in
            if case .unknown(let unknown) = segment, !unknown.commands.isEmpty { unknown.commands } else { nil }
        }
    }

    mutating func append(_ segment: Segment) {
        switch (segments.last, segment) {
        case (.text(let old)?, .text(let new)): segments[segments.count - 1] = .text(old + new)
        case (.glob(let old)?, .glob(let new)): segments[segments.count - 1] = .glob(old + new)
        default: segments.append(segment)
        }
    }
}

/// One simple command that a program may run, or the assignments or redirections that stand alone.
package struct ShellInvocation: Sendable {
    package struct Assignment: Sendable {
        package var name: String
        package var value: ShellValue
    }

    package struct Redirection: Sendable {
        package var `operator`: ShellRedirection.Operator
        package var descriptor: Int?
        /// Where it goes; for here-documents and here-strings, the text.
        package var target: ShellValue
    }

    /// A place in a pipeline: numbers of pipelines are unique in a program.
    package struct Stage: Sendable, Hashable {
        package var pipeline: Int
        package var stage: Int
        package var isLast: Bool
    }

    /// The program and its arguments; empty where the command has none.
    package var words: [ShellValue]
    package var assignments: [Assignment]
    package var redirections: [Redirection]
    /// The pipelines around it, outermost first, those of one stage left out.
    package var stages: [Stage]
    /// Whether it, or something around it, ends in `&`.
    package var isBackground: Bool
    /// The innermost function whose body it stands in.
    package var function: String?
    /// Redirections of the compound commands around it, innermost last: its standard input may come from there.
    package var outerRedirections: [Redirection]
    package var position: ShellPosition

    /// Whether output of `self` may reach the input of `other` through a pipe.
    package func flows(into other: ShellInvocation) -> Bool {
        for stage in stages {
            for later in other.stages where later.pipeline == stage.pipeline { return stage.stage < later.stage }
        }
        return false
    }
}
