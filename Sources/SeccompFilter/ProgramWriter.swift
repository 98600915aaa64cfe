/// Writes a program from its end to its beginning. Jumps of classic BPF lead forward, and those that depend on
/// something by at most 255 instructions: so what one leads to is there already, and where it has become too far, it is
/// put there once more (an answer) or a jump to it is.
struct ProgramWriter {
    /// What a jump leads to.
    enum Target: Hashable {
        case answer(UInt32)
        /// A test of an argument, by its place among the decisions, where its first instructions may be left out.
        case test(Int, from: Entry)
        /// A comparison of the number, by how many instructions there were.
        case comparison(Int)
    }

    /// What a test still needs of its instructions, by what is in the accumulator.
    enum Entry: Int, Comparable {
        case load, mask, jump

        static func < (one: Entry, other: Entry) -> Bool { one.rawValue < other.rawValue }
    }

    private let graph: DecisionGraph
    /// The tests that calls come to, with the first instruction of each that is needed.
    private let entries: [Int: Entry]
    private var reversed: [FilterInstruction] = []
    /// Where the targets are, counted from the end; of those that are there several times, the nearest and the real
    /// one.
    private var nearest: [Target: Int] = [:]
    private var places: [Target: Int] = [:]
    /// A jump leads to what is not there.
    private var isBroken = false

    /// The program by which calls of one architecture come to where the tree leads them, and all others to one answer.
    static func program(
        _ tree: NumberTree, _ graph: DecisionGraph, architecture: UInt32, stranger: UInt32
    ) -> [FilterInstruction]? {
        var roots: Set<Int> = []
        tree.collect(&roots)
        var writer = ProgramWriter(graph, roots)
        // All of them behind the tree: among its comparisons they would make the jumps there long ones for the
        // processor.
        for root in roots.sorted() { writer.write(decision: root) }
        writer.lead(to: writer.write(tree))
        let number = writer.append(.loadNumber)
        writer.compare(.jumpIfEqual, architecture, ifTrue: number, ifFalse: .answer(stranger))
        _ = writer.append(.loadArchitecture)
        guard !writer.isBroken, writer.reversed.count <= FilterInstruction.most else { return nil }
        return writer.reversed.reversed()
    }

    private init(_ graph: DecisionGraph, _ roots: Set<Int>) {
        self.graph = graph
        entries = Self.entries(of: graph, roots)
    }

    // MARK: instructions

    private mutating func append(_ instruction: FilterInstruction) -> Target {
        reversed.append(instruction)
        return remember(.comparison(reversed.count))
    }

    /// The last instruction is what this target stands for.
    @discardableResult private mutating func remember(_ target: Target) -> Target {
        (nearest[target], places[target]) = (reversed.count, reversed.count)
        return target
    }

    /// How many instructions are between the next one and a target.
    private func distance(_ target: Target) -> Int? { nearest[target].map { reversed.count - $0 } }

    /// Makes sure that the next instruction can jump there, and says how far it is.
    @discardableResult private mutating func reach(_ target: Target) -> UInt8 {
        if let distance = distance(target).flatMap(UInt8.init(exactly:)) { return distance }
        if case .answer(let value) = target {
            reversed.append(.answer(value))
        } else {
            isBroken = isBroken || places[target] == nil
            reversed.append(.jump(over: reversed.count - (places[target] ?? 0)))
        }
        nearest[target] = reversed.count
        return 0
    }

    /// Makes sure that what is written last leads there.
    private mutating func lead(to target: Target) {
        guard distance(target) != 0 else { return }
        nearest[target] = nil
        reach(target)
    }

    @discardableResult private mutating func compare(
        _ code: FilterInstruction.Code, _ value: UInt32, ifTrue: Target, ifFalse: Target
    ) -> Target {
        let count = reversed.count
        var (one, other) = (reach(ifTrue), reach(ifFalse))
        // What is put there for one makes the other one farther. What is put there last is near.
        if reversed.count > count {
            one = reach(ifTrue)
            other = reach(ifFalse)
        }
        return append(FilterInstruction(code: code, ifTrue: one, ifFalse: other, value: value))
    }

    // MARK: comparisons and tests

    /// What is written last needs no jump.
    private mutating func write(_ tree: NumberTree) -> Target {
        switch tree {
        case .decision(let place): return Self.target(graph.decisions[place], place, holding: nil)
        case .compare(let code, let value, let ifTrue, let ifFalse):
            let one = write(ifTrue)
            let other = write(ifFalse)
            return compare(code, value, ifTrue: one, ifFalse: other)
        }
    }

    /// And all that it leads to, before it.
    private mutating func write(decision place: Int) {
        guard case .test(let test, let ifTrue, let ifFalse) = graph.decisions[place],
            nearest[.test(place, from: .jump)] == nil
        else { return }
        for next in [ifTrue, ifFalse] { write(decision: next) }
        func target(_ next: Int) -> Target { Self.target(graph.decisions[next], next, holding: test.word) }
        compare(test.code, test.value, ifTrue: target(ifTrue), ifFalse: target(ifFalse))
        remember(.test(place, from: .jump))
        let entry = entries[place] ?? .load
        if entry < .jump, test.word.mask != .max {
            reversed.append(FilterInstruction(code: .mask, ifTrue: 0, ifFalse: 0, value: test.word.mask))
            remember(.test(place, from: .mask))
        }
        if entry == .load {
            reversed.append(FilterInstruction(code: .load, ifTrue: 0, ifFalse: 0, value: test.word.offset))
            remember(.test(place, from: .load))
        }
    }

    /// - Parameter word: what is in the accumulator.
    private static func target(
        _ decision: DecisionGraph.Decision, _ place: Int, holding word: DecisionGraph.Word?
    ) -> Target {
        switch decision {
        case .answer(let value): .answer(value)
        case .test(let test, _, _) where test.word == word: .test(place, from: .jump)
        case .test(let test, _, _): .test(place, from: word == .init(offset: test.word.offset) ? .mask : .load)
        }
    }

    private static func entries(of graph: DecisionGraph, _ roots: Set<Int>) -> [Int: Entry] {
        var entries: [Int: Entry] = [:]
        func enter(_ place: Int, holding word: DecisionGraph.Word?) {
            guard case .test(_, let entry) = target(graph.decisions[place], place, holding: word) else { return }
            entries[place] = min(entry, entries[place] ?? .jump)
        }
        for root in roots { enter(root, holding: nil) }
        // What a test leads to is before it.
        for place in graph.decisions.indices.reversed() where entries[place] != nil {
            guard case .test(let test, let ifTrue, let ifFalse) = graph.decisions[place] else { continue }
            for next in [ifTrue, ifFalse] { enter(next, holding: test.word) }
        }
        return entries
    }
}

extension NumberTree {
    /// Where it leads.
    fileprivate func collect(_ decisions: inout Set<Int>) {
        switch self {
        case .decision(let place): decisions.insert(place)
        case .compare(_, _, let ifTrue, let ifFalse):
            ifTrue.collect(&decisions)
            ifFalse.collect(&decisions)
        }
    }
}
