/// A filter by ranges of call numbers, for what libseccomp compares number by number.
///
/// The kernel checks, converts and compiles a filter again in every process that installs it, instruction by instruction.
/// libseccomp's binary tree has a leaf for each call; most neighbours have one answer. What it answers to a number is
/// found by following the program with that number known, up to the answer or to the first look at an argument; from
/// there on its own instructions stay. So the rebuilt program answers what the given one answers, whatever that is.
///
/// Some calls are allowed but for a few values of an argument, which libseccomp has no word for and writes as 30 prefixes
/// of bits: those are looked at by blocks of this project's own (`ArgumentBlocks`), and tests hold both to each other.
struct RangeTree {
    /// The given program, and behind it the blocks.
    private let program: [FilterInstruction]
    /// Where the blocks begin, by call number.
    private let blocks: [UInt32: Int]

    /// What becomes of a call number: an answer, or what the program does from an instruction on, which looks at
    /// arguments.
    private enum Outcome: Equatable {
        case answer(UInt32)
        case from(Int)
    }

    private struct Range {
        /// The first number; the last is before the next range's.
        var start: UInt32
        var outcome: Outcome
    }

    /// `nil` when the program holds what is not followed here: then it stays as it is.
    ///
    /// - Parameter blocks: by call number, what to do instead of what the program does.
    static func rebuild(
        _ program: [FilterInstruction], blocks: [UInt32: [FilterInstruction]] = [:]
    ) -> [FilterInstruction]? {
        // The architecture comes first, and any other one has one answer.
        guard program.count > 2, program[0] == .loadArchitecture, program[1].code == .jumpIfEqual else { return nil }
        let tree = RangeTree(program, blocks)
        guard case .answer(let stranger)? = tree.follow(2 + Int(program[1].ifFalse)),
            let ranges = tree.ranges(from: 2 + Int(program[1].ifTrue)), let body = tree.assemble(ranges)
        else { return nil }
        return [
            .loadArchitecture,
            FilterInstruction(code: .jumpIfEqual, ifTrue: 1, ifFalse: 0, value: program[1].value),
            .answer(stranger), .loadNumber,
        ] + body
    }

    private init(_ program: [FilterInstruction], _ blocks: [UInt32: [FilterInstruction]]) {
        var (all, places) = (program, [UInt32: Int]())
        for (number, block) in blocks.sorted(by: { $0.key < $1.key }) {
            places[number] = all.count
            all += block
        }
        self.program = all
        self.blocks = places
    }

    // MARK: reading

    /// Between two neighbouring constants of the program it cannot tell numbers apart.
    private func ranges(from start: Int) -> [Range]? {
        var starts = Set(blocks.keys.flatMap { [$0, $0 + 1] }).union([0])
        for instruction in program where instruction.code.isComparison {
            starts.insert(instruction.value)
            starts.insert(instruction.value &+ 1)
        }
        var ranges: [Range] = []
        for number in starts.sorted() {
            guard let outcome = follow(blocks[number] ?? start, number: number) else { return nil }
            if ranges.last?.outcome != outcome { ranges.append(Range(start: number, outcome: outcome)) }
        }
        return ranges
    }

    /// - Parameter number: `nil` where it must not matter.
    private func follow(_ start: Int, number: UInt32? = nil) -> Outcome? {
        var next = start
        var known: UInt32?
        while next < program.count {
            let instruction = program[next]
            switch instruction.code {
            case .load:
                if instruction.value >= FilterInstruction.firstArgument { return .from(next) }
                guard instruction == .loadNumber, let number else { return nil }
                known = number
            case .answer: return .answer(instruction.value)
            case .jump: next += Int(instruction.value)
            case .jumpIfEqual, .jumpIfGreater, .jumpIfGreaterOrEqual:
                guard let known else { return nil }
                next += Int(instruction.compares(known) ? instruction.ifTrue : instruction.ifFalse)
            default: return nil
            }
            next += 1
        }
        return nil
    }

    // MARK: writing

    /// Where instructions of the given program are among those that are kept.
    private typealias Places = [Int: Int]

    /// `nil` when the given program jumps to where it has no instruction.
    private func assemble(_ ranges: [Range]) -> [FilterInstruction]? {
        guard let kept = reachable(from: ranges) else { return nil }
        var tree = branches(ranges[...])
        let places = Places(uniqueKeysWithValues: kept.enumerated().map { ($1, $0) })
        for (index, instruction) in tree.enumerated() where instruction.code == .jump && instruction.isOpen {
            // One that is open names its target in the given program.
            guard let place = places[Int(instruction.value)] else { return nil }
            tree[index] = .jump(over: tree.count + place - index - 1)
        }
        let rest = kept.compactMap { moved($0, places) }
        return rest.count == kept.count ? tree + rest : nil
    }

    /// A binary search: the lower half of the ranges follows the comparison, the upper half that.
    private func branches(_ ranges: ArraySlice<Range>) -> [FilterInstruction] {
        guard ranges.count > 1 else {
            switch ranges.first?.outcome {
            case .answer(let value): return [.answer(value)]
            case .from(let index): return [.openJump(to: index)]
            case nil: return []
            }
        }
        let middle = ranges.startIndex + ranges.count / 2
        let lower = branches(ranges[..<middle])
        let upper = branches(ranges[middle...])
        let start = ranges[middle].start
        guard lower.count > Int(UInt8.max) else {
            let over = UInt8(lower.count)
            return [FilterInstruction(code: .jumpIfGreaterOrEqual, ifTrue: over, ifFalse: 0, value: start)] + lower
                + upper
        }
        let compare = FilterInstruction(code: .jumpIfGreaterOrEqual, ifTrue: 0, ifFalse: 1, value: start)
        return [compare, .jump(over: lower.count)] + lower + upper
    }

    /// Everything that may run from where arguments are looked at, in the program's order.
    private func reachable(from ranges: [Range]) -> [Int]? {
        var found = Set<Int>()
        var open = ranges.compactMap { if case .from(let index) = $0.outcome { index } else { nil } }
        while let index = open.popLast() {
            guard index < program.count else { return nil }
            if found.insert(index).inserted { open += successors(of: index) }
        }
        return found.sorted()
    }

    private func successors(of index: Int) -> [Int] {
        let instruction = program[index]
        switch instruction.code {
        case .answer: return []
        case .jump: return [index + 1 + Int(instruction.value)]
        case let code where code.isConditional:
            return [index + 1 + Int(instruction.ifTrue), index + 1 + Int(instruction.ifFalse)]
        default: return [index + 1]
        }
    }

    /// An instruction among those that are left. Jumps lead forward, so that they only become shorter.
    private func moved(_ index: Int, _ places: Places) -> FilterInstruction? {
        var instruction = program[index]
        func distance(_ old: Int) -> Int? {
            guard let target = places[index + 1 + old], let place = places[index] else { return nil }
            return target - place - 1
        }
        if instruction.code == .jump { return distance(Int(instruction.value)).map { .jump(over: $0) } }
        guard instruction.code.isConditional else { return instruction }
        guard let ifTrue = distance(Int(instruction.ifTrue)).flatMap(UInt8.init(exactly:)),
            let ifFalse = distance(Int(instruction.ifFalse)).flatMap(UInt8.init(exactly:))
        else { return nil }
        (instruction.ifTrue, instruction.ifFalse) = (ifTrue, ifFalse)
        return instruction
    }
}
