import ShellSyntax

/// Functions that start themselves again without waiting: in a pipe or in the background.
enum ForkBombs {
    /// The calls, by index, that make a function of a program one.
    static func find(in invocations: [ShellInvocation], functions: Set<String>) -> Set<Int> {
        guard !functions.isEmpty else { return [] }
        var calls: [String: [Int]] = [:]
        for (index, invocation) in invocations.enumerated() {
            guard let outer = invocation.function, let called = invocation.words.first?.literal else { continue }
            if functions.contains(called) { calls[outer, default: []].append(index) }
        }
        var found: Set<Int> = []
        // Functions are few; a text that is made of them is looked at only so far.
        for name in calls.keys.sorted().prefix(256) {
            guard let bomb = bomb(name, calls, invocations) else { continue }
            found.insert(bomb)
        }
        return found
    }

    /// The call of `name`'s body that starts it again, directly or through others, where one on the way does not wait.
    private static func bomb(_ name: String, _ calls: [String: [Int]], _ invocations: [ShellInvocation]) -> Int? {
        var reached: Set<String> = [name]
        var open = [name]
        var returns = false
        var spawns: Int?
        while let next = open.popLast() {
            for index in (calls[next] ?? []).prefix(256) {
                guard let called = invocations[index].words.first?.literal else { continue }
                if spawns == nil, invocations[index].isBackground || !invocations[index].stages.isEmpty {
                    spawns = index
                }
                if called == name { returns = true }
                if reached.insert(called).inserted { open.append(called) }
            }
        }
        return returns ? spawns : nil
    }
}
