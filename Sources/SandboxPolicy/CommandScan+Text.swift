import ShellSyntax

extension CommandScan {
    /// One text of a shell, and what its commands have to do with one another.
    struct Text {
        let invocations: [ShellInvocation]
        let functions: Set<String>
        /// Commands that are part of a fork bomb.
        let forkBombs: Set<Int>
        /// For each command, the directory of the last `cd` before it.
        let directories: [String?]
        /// The commands of each pipeline, in the order of its stages.
        private let members: [Int: [Member]]
        /// For each pipeline with a command of that kind, the first stage in which one stands: a pipeline of thousands of
        /// shells asks thousands of times.
        private var firstStages: [OutputOrigin: [Int: Int]] = [:]
        /// Commands that print it, themselves or by the functions and texts that they run.
        private(set) var printing: [OutputOrigin: Set<Int>] = [:]
        /// The command that runs the text.
        let parent: (text: Int, index: Int)?
        private var functionsSeen: Set<String> = []
        /// For each function that is called, where.
        private let calls: [String: [Int]]

        private struct Member {
            var stage: Int
            var index: Int
        }

        init(_ invocations: [ShellInvocation], functions: Set<String>, of parent: (text: Int, index: Int)?) {
            self.invocations = invocations
            self.functions = functions
            forkBombs = ForkBombs.find(in: invocations, functions: functions)
            var directories: [String?] = []
            var members: [Int: [Member]] = [:]
            var calls: [String: [Int]] = [:]
            var directory: String?
            for (index, invocation) in invocations.enumerated() {
                directories.append(directory)
                for stage in invocation.stages {
                    members[stage.pipeline, default: []].append(Member(stage: stage.stage, index: index))
                }
                if let name = invocation.words.first?.literal, functions.contains(name) {
                    calls[name, default: []].append(index)
                }
                guard let name = invocation.words.first?.literal, name == "cd" || name == "pushd" else { continue }
                directory = invocation.words.count > 1 ? invocation.words[1].pattern : "~"
            }
            self.directories = directories
            self.members = members
            self.parent = parent
            self.calls = calls
            for (index, invocation) in invocations.enumerated() {
                for origin in OutputOrigin.allCases where origin.prints(invocation) { mark(index, origin) }
            }
        }

        /// A command prints it, and so does who calls the function in which it stands.
        mutating func mark(_ index: Int, _ origin: OutputOrigin) {
            var marked = [index]
            while let index = marked.popLast() {
                guard printing[origin, default: []].insert(index).inserted else { continue }
                for stage in invocations[index].stages {
                    let known = firstStages[origin]?[stage.pipeline] ?? stage.stage
                    firstStages[origin, default: [:]][stage.pipeline] = min(known, stage.stage)
                }
                if let function = invocations[index].function, functionsSeen.insert("\(origin) \(function)").inserted {
                    marked += calls[function] ?? []
                }
            }
        }

        /// The one command whose output reaches a command through pipes; `nil` where there is none, or more than one.
        func onlySource(of index: Int) -> Int? {
            var found: Int?
            for stage in invocations[index].stages {
                for member in members[stage.pipeline] ?? [] {
                    if member.stage >= stage.stage { break }
                    guard found == nil else { return nil }
                    found = member.index
                }
            }
            return found
        }

        /// Whether what one of these programs prints reaches a command through pipes.
        func isFed(_ index: Int, by origin: OutputOrigin) -> Bool {
            guard let first = firstStages[origin] else { return false }
            return invocations[index].stages.contains { $0.stage > first[$0.pipeline] ?? .max }
        }
    }
}
