/// Finds what a program does with a call by following it with the call's number known, and with every result that a
/// test of an argument can have. What earlier tests have told is not asked again, nor what no bit is left of: where
/// half of an argument does not matter, libseccomp writes three instructions to mask all of it and compare nothing with
/// 0.
struct ProgramReader {
    private let program: [FilterInstruction]
    private(set) var graph = DecisionGraph()
    private var steps = 0

    /// Far more than any call needs today; what needs more is not rebuilt.
    private static let mostSteps = 20_000
    private static let mostTests = 200

    private enum Accumulator {
        case empty
        case number(UInt32)
        case constant(UInt32)
        case word(DecisionGraph.Word)
    }

    /// One way through the program.
    private struct Path {
        var next: Int
        /// `nil` where it must not matter.
        let number: UInt32?
        var accumulator = Accumulator.empty
        var tested = TestedArguments()
    }

    init(_ program: [FilterInstruction]) { self.program = program }

    /// The place of what the program does among the decisions; `nil` when it holds what is not followed here.
    mutating func decision(from start: Int, number: UInt32?) -> Int? {
        steps = 0
        return follow(Path(next: start, number: number))
    }

    private mutating func follow(_ path: Path) -> Int? {
        var path = path
        while path.next < program.count, steps < Self.mostSteps {
            steps += 1
            let instruction = program[path.next]
            path.next += 1
            switch instruction.code {
            case .answer: return graph.place(of: .answer(instruction.value))
            case .jump: path.next += Int(instruction.value)
            case .load, .mask:
                guard let accumulator = accumulator(after: instruction, path) else { return nil }
                path.accumulator = accumulator
            case let code where code.isConditional:
                if case .word(let word) = path.accumulator {
                    return test(DecisionGraph.Test(word: word, code: code, value: instruction.value), instruction, path)
                }
                guard let result = result(of: instruction, path) else { return nil }
                path.next += Int(result ? instruction.ifTrue : instruction.ifFalse)
            default: return nil
            }
        }
        return nil
    }

    private func accumulator(after instruction: FilterInstruction, _ path: Path) -> Accumulator? {
        let value = instruction.value
        if instruction.code == .load {
            if value >= FilterInstruction.firstArgument { return .word(.init(offset: value)) }
            return instruction == .loadNumber ? path.number.map { .number($0) } : nil
        }
        switch path.accumulator {
        case .constant(let constant): return .constant(constant & value)
        case .word(let word) where word.mask & value == 0: return .constant(0)
        case .word(let word): return .word(.init(offset: word.offset, mask: word.mask & value))
        // Bits of a number are not in ranges.
        case .number, .empty: return nil
        }
    }

    private func result(of instruction: FilterInstruction, _ path: Path) -> Bool? {
        switch path.accumulator {
        case .number(let number): instruction.code.isComparison ? instruction.holds(of: number) : nil
        case .constant(let constant): instruction.holds(of: constant)
        case .empty, .word: nil
        }
    }

    private mutating func test(_ asked: DecisionGraph.Test, _ instruction: FilterInstruction, _ path: Path) -> Int? {
        let (test, isReversed) = asked.simplest
        func branch(_ result: Bool) -> Path {
            var branch = path
            branch.next += Int(result != isReversed ? instruction.ifTrue : instruction.ifFalse)
            return branch
        }
        if let known = path.tested.result(of: test) { return follow(branch(known)) }
        guard path.tested.count < Self.mostTests else { return nil }
        var (one, other) = (branch(true), branch(false))
        (one.tested, other.tested) = (path.tested.after(test, true), path.tested.after(test, false))
        guard let ifTrue = follow(one), let ifFalse = follow(other) else { return nil }
        return graph.place(of: .test(test, ifTrue: ifTrue, ifFalse: ifFalse))
    }
}
