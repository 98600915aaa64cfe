import Testing

@testable import SeccompFilter

/// Programs by ranges against a plain look at the ranges, and rebuilt programs against the given ones.
@Suite struct RangeTreeTests {
    private static let architecture = FilterSimulator.x86
    private static let stranger: UInt32 = 0x0005_0fff

    // MARK: numbers

    private static func answer(_ index: Int) -> UInt32 { 0x0005_0000 | UInt32(index) }

    private static func program(_ ranges: [NumberRange]) -> [FilterInstruction]? {
        var graph = DecisionGraph()
        let placed = ranges.map { range in
            NumberRange(start: range.start, decision: graph.place(of: .answer(answer(range.decision))))
        }
        return NumberTreeBuilder.tree(of: placed).flatMap {
            ProgramWriter.program($0, graph, architecture: architecture, stranger: stranger)
        }
    }

    /// Neighbours have different decisions.
    private static func ranges(_ count: Int, of answers: Int, gap: UInt32, _ random: inout SplitMix) -> [NumberRange] {
        var ranges = [NumberRange(start: 0, decision: 0)]
        while ranges.count < count, let last = ranges.last {
            let decision = (last.decision + Int.random(in: 1..<max(2, answers), using: &random)) % max(2, answers)
            ranges.append(
                NumberRange(start: last.start + UInt32.random(in: 1...gap, using: &random), decision: decision))
        }
        return ranges
    }

    private func check(_ program: [FilterInstruction], _ ranges: [NumberRange], _ comment: Comment) {
        let filter = FilterSimulator(Self.asCompiled(program))
        var numbers = Set(ranges.flatMap { [$0.start, $0.start &- 1, $0.start &+ 1] })
        numbers.formUnion([0x3fff_ffff, 0x4000_0000, .max])
        var index = 0
        for number in numbers.sorted() {
            while index + 1 < ranges.count, ranges[index + 1].start <= number { index += 1 }
            let expected = FilterSimulator.Answer.error(UInt32(ranges[index].decision))
            let given = filter.answer(Int32(bitPattern: number))
            if given != expected { Issue.record("\(comment): number \(number): \(given), not \(expected)") }
        }
        #expect(filter.answer(0, architecture: FilterSimulator.i386) == .error(0xfff), comment)
        let steps = numbers.map { filter.followed(Int32(bitPattern: $0)).steps }.max() ?? 0
        #expect(steps <= 22, comment)
    }

    private static func asCompiled(_ program: [FilterInstruction]) -> FilterProgram {
        FilterProgram(instructions: FilterInstruction.encode(program), allowedCalls: 0)
    }

    @Test(arguments: [2, 3, 5, 1000], [UInt32(1), 3, 20, 10_000_000])
    func rangesAreAnsweredAsTheySay(answers: Int, gap: UInt32) throws {
        var random = SplitMix(seed: UInt64(answers) << 32 | UInt64(gap))
        for count in [1, 2, 3, 4, 7, 8, 9, 30, 100, 254, 255, 256, 257, 400] {
            let ranges = Self.ranges(count, of: answers, gap: gap, &random)
            check(try #require(Self.program(ranges)), ranges, "\(count) ranges of \(answers) answers, gap \(gap)")
        }
    }

    /// More ranges move everything: jumps get to be as long as they can be.
    @Test func jumpsOfEveryLength() throws {
        var lengths: Set<UInt8> = []
        for (answers, counts) in [(2, 300...420), (4, 290...360), (2000, 240...300)] {
            for count in stride(from: counts.lowerBound, through: counts.upperBound, by: 4) {
                var random = SplitMix(seed: 7)
                let ranges = Self.ranges(count, of: answers, gap: 4, &random)
                let program = try #require(Self.program(ranges))
                check(program, ranges, "\(count) ranges of \(answers) answers")
                for instruction in program where instruction.code.isConditional {
                    lengths.formUnion([instruction.ifTrue, instruction.ifFalse])
                }
            }
        }
        #expect(lengths.isSuperset(of: [0, 1, 254, 255]))
    }

    /// With as many ranges that the answers must be there many times, and the halves of the tree are far from each
    /// other.
    @Test(arguments: [2, 3, 2000]) func asManyRangesAsTheKernelTakes(answers: Int) throws {
        var random = SplitMix(seed: 3)
        let ranges = Self.ranges(1800, of: answers, gap: 9, &random)
        let program = try #require(Self.program(ranges))
        check(program, ranges, "1800 ranges of \(answers) answers")
        #expect(program.count { $0.code == .answer } > answers || answers == 2000)
        #expect(program.count { $0.code == .jump } > 0)
        #expect(Self.program(Self.ranges(5000, of: answers, gap: 9, &random)) == nil, "too many instructions")
    }

    @Test func aCallBetweenOthersIsOneComparison() throws {
        let starts: [UInt32] = [0, 200, 201]
        let ranges = starts.enumerated().map { NumberRange(start: $1, decision: $0 % 2) }
        let program = try #require(Self.program(ranges))
        check(program, ranges, "a call between others")
        #expect(program.count { $0.code.isComparison } == 2, "with that of the architecture")
        #expect(program.count { $0.code == .answer } == 3)
    }

    // MARK: arguments

    private static let values: [UInt32] = [0, 1, 2, 3, 4, 6, 8, 0xc, 0xff, 0x100, 0xffff_ffff, 0x8000_0000]

    private static func instruction(_ room: Int, _ random: inout SplitMix) -> FilterInstruction {
        let value = values.randomElement(using: &random) ?? 0
        func over() -> UInt8 { UInt8(Int.random(in: 0...min(4, room), using: &random)) }
        func offset() -> UInt32 { 16 + 4 * UInt32.random(in: 0..<3, using: &random) }
        let tests: [FilterInstruction.Code] = [.jumpIfEqual, .jumpIfGreater, .jumpIfGreaterOrEqual, .jumpIfAnyBit]
        switch Int.random(in: 0..<10, using: &random) {
        case 0...2: return FilterInstruction(code: .load, ifTrue: 0, ifFalse: 0, value: offset())
        case 3...4: return FilterInstruction(code: .mask, ifTrue: 0, ifFalse: 0, value: value)
        case 5: return .answer(answer(Int.random(in: 0..<4, using: &random)))
        default:
            let code = Int.random(in: 0..<2, using: &random) == 0 ? .jumpIfEqual : tests.randomElement(using: &random)
            return FilterInstruction(code: code ?? .jumpIfEqual, ifTrue: over(), ifFalse: over(), value: value)
        }
    }

    /// Loads first, answers last, and in between whatever comes.
    private static func block(_ random: inout SplitMix) -> [FilterInstruction] {
        let count = Int.random(in: 1..<24, using: &random)
        return [FilterInstruction(code: .load, ifTrue: 0, ifFalse: 0, value: 16)]
            + (0..<count).map { instruction(count - 1 - $0, &random) } + [.answer(answer(9))]
    }

    /// Arguments of any kind are looked at as the given program does, whatever was found out before.
    @Test(arguments: 1...8) func argumentsAreLookedAtAsTheyWere(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        for _ in 0..<8 {
            let blocks = Dictionary(uniqueKeysWithValues: (0..<40).map { (UInt32($0) * 3, Self.block(&random)) })
            let given: [FilterInstruction] = [
                .loadArchitecture,
                FilterInstruction(code: .jumpIfEqual, ifTrue: 1, ifFalse: 0, value: Self.architecture),
                .answer(Self.stranger), .answer(Self.answer(8)),
            ]
            let filter = FilterSimulator(Self.asCompiled(try #require(RangeTree.rebuild(given, blocks: blocks))))
            for number in UInt32(0)..<121 {
                let block = FilterSimulator(Self.asCompiled(blocks[number] ?? [.answer(Self.answer(8))]))
                for _ in 0..<20 {
                    let arguments = (0..<2).map { _ in
                        UInt64(Self.values.randomElement(using: &random) ?? 0) << 32
                            | UInt64(Self.values.randomElement(using: &random) ?? 0)
                    }
                    let (one, other) = (block.answer(0, arguments), filter.answer(Int32(number), arguments))
                    if one != other { Issue.record("call \(number) \(arguments): \(other), not \(one)") }
                }
            }
        }
    }

    /// Such a program stays as it is.
    @Test func whatIsNotFollowed() {
        let start: [FilterInstruction] = [
            .loadArchitecture, FilterInstruction(code: .jumpIfEqual, ifTrue: 1, ifFalse: 0, value: Self.architecture),
            .answer(Self.stranger),
        ]
        func rebuilt(_ rest: [FilterInstruction]) -> [FilterInstruction]? { RangeTree.rebuild(start + rest) }
        func one(_ code: UInt16, _ value: UInt32 = 0) -> FilterInstruction {
            FilterInstruction(code: .init(rawValue: code), ifTrue: 0, ifFalse: 0, value: value)
        }
        #expect(rebuilt([.answer(1)]) == start + [.loadNumber, .answer(1)])
        #expect(rebuilt([]) == nil)
        #expect(rebuilt([.loadNumber]) == nil, "no answer")
        #expect(rebuilt([.jump(over: 7), .answer(1)]) == nil, "a jump to nowhere")
        #expect(rebuilt([.loadNumber, one(0x54, 7), one(0x15, 1), .answer(1)]) == nil, "bits of a number")
        #expect(rebuilt([.loadNumber, one(0x45, 1), .answer(1)]) == nil, "bits of a number")
        #expect(rebuilt([.loadNumber, one(0x1d), .answer(1)]) == nil, "the other register")
        #expect(rebuilt([one(0x20, 8), one(0x15), .answer(1)]) == nil, "the instruction pointer")
        #expect(rebuilt([one(0x20, 16), one(0x74, 1), .answer(1)]) == nil, "a shift")
    }
}
