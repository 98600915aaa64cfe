/// A filter by ranges of call numbers, for what libseccomp compares number by number.
///
/// The kernel checks, converts and compiles a filter again in every process that installs it, instruction by
/// instruction. libseccomp's binary tree has a leaf for each call; most neighbours have one answer. What it answers to
/// a number is found by following the program with that number known (`ProgramReader`); what it asks of arguments
/// becomes a graph in which equal parts are one (`DecisionGraph`). A tree of comparisons leads the ranges to it
/// (`NumberTree`), in which all ways to one answer end at one instruction where that is near enough (`ProgramWriter`).
/// So the rebuilt program answers what the given one answers, whatever that is.
///
/// Some calls are allowed but for a few values of an argument, which libseccomp has no word for and writes as 30
/// prefixes of bits: those are looked at by blocks of this project's own (`ArgumentBlocks`), and tests hold both to
/// each other.
///
/// The number alone is looked at first, by instructions that the kernel knows to follow when it looks for calls that
/// are always allowed (`seccomp_is_const_allow`, Linux 5.11): those do not run the filter.
enum RangeTree {
    /// `nil` when the program holds what is not followed here, or would not become one that the kernel takes: then it
    /// stays as it is.
    ///
    /// - Parameter blocks: by call number, what to do instead of what the program does.
    static func rebuild(
        _ program: [FilterInstruction], blocks: [UInt32: [FilterInstruction]] = [:]
    ) -> [FilterInstruction]? {
        // The architecture comes first, and any other one has one answer.
        guard program.count > 2, program[0] == .loadArchitecture, program[1].code == .jumpIfEqual else { return nil }
        // The given program, and behind it the blocks.
        var (all, places) = (program, [UInt32: Int]())
        for (number, block) in blocks.sorted(by: { $0.key < $1.key }) {
            places[number] = all.count
            all += block
        }
        var reader = ProgramReader(all)
        guard let other = reader.decision(from: 2 + Int(program[1].ifFalse), number: nil),
            case .answer(let stranger) = reader.graph.decisions[other],
            let ranges = ranges(of: all, from: 2 + Int(program[1].ifTrue), blocks: places, &reader),
            let tree = NumberTreeBuilder.tree(of: ranges)
        else { return nil }
        return ProgramWriter.program(tree, reader.graph, architecture: program[1].value, stranger: stranger)
    }

    /// Between two neighbouring constants of the program it cannot tell numbers apart.
    private static func ranges(
        of program: [FilterInstruction], from start: Int, blocks: [UInt32: Int], _ reader: inout ProgramReader
    ) -> [NumberRange]? {
        var starts = Set(blocks.keys.flatMap { [$0, $0 &+ 1] }).union([0])
        for instruction in program where instruction.code.isComparison {
            starts.formUnion([instruction.value, instruction.value &+ 1])
        }
        var ranges: [NumberRange] = []
        for number in starts.sorted() {
            guard let decision = reader.decision(from: blocks[number] ?? start, number: number) else { return nil }
            if ranges.last?.decision != decision { ranges.append(NumberRange(start: number, decision: decision)) }
        }
        return ranges
    }
}
