/// What a filter does with calls whose numbers are known: tests of arguments, which lead to other tests and in the end
/// to an answer. Of what is the same there is one, however many calls come to it.
struct DecisionGraph {
    /// A word of `struct seccomp_data`, or some bits of it.
    struct Word: Hashable {
        var offset: UInt32
        var mask: UInt32 = .max
    }

    /// A conditional jump, with what is in the accumulator before it.
    struct Test: Hashable {
        var word: Word
        var code: FilterInstruction.Code
        var value: UInt32
    }

    enum Decision: Hashable {
        case answer(UInt32)
        /// Where the two lead is among the decisions, before this one.
        case test(Test, ifTrue: Int, ifFalse: Int)
    }

    private(set) var decisions: [Decision] = []
    private var places: [Decision: Int] = [:]

    /// Where it is among the decisions. A test that changes nothing is left out.
    mutating func place(of decision: Decision) -> Int {
        if case .test(_, let ifTrue, let ifFalse) = decision, ifTrue == ifFalse { return ifTrue }
        if let place = places[decision] { return place }
        decisions.append(decision)
        places[decision] = decisions.count - 1
        return decisions.count - 1
    }
}

extension DecisionGraph.Test {
    /// The same question in the form that needs the fewest instructions, and whether yes and no change places. Bits
    /// that must be 0 are asked for by one instruction, which leaves the accumulator as it is for the next test.
    var simplest: (test: Self, isReversed: Bool) {
        let bits = Self(word: .init(offset: word.offset), code: .jumpIfAnyBit, value: word.mask)
        switch code {
        case .jumpIfAnyBit: return (Self(word: bits.word, code: code, value: value & word.mask), false)
        case .jumpIfEqual where word.mask != .max && value == 0: return (bits, true)
        case .jumpIfEqual where word.mask.nonzeroBitCount == 1 && value == word.mask: return (bits, false)
        default: return (self, false)
        }
    }
}

/// What earlier tests have told about the arguments of one call. Few: they are searched one by one.
struct TestedArguments {
    /// Bits that are known.
    private var bits: [(offset: UInt32, mask: UInt32, value: UInt32)] = []
    private var results: [(test: DecisionGraph.Test, result: Bool)] = []

    var count: Int { results.count }

    /// `nil` when it has to be asked.
    func result(of test: DecisionGraph.Test) -> Bool? {
        if let known = results.first(where: { $0.test == test }) { return known.result }
        let (mask, value) = (test.word.mask, test.value)
        var known: (mask: UInt32, value: UInt32) = (0, 0)
        for some in bits where some.offset == test.word.offset {
            known = (known.mask | some.mask, known.value | some.value)
        }
        switch test.code {
        case .jumpIfEqual where value & ~mask != 0 || (known.value ^ value) & known.mask & mask != 0: return false
        case .jumpIfAnyBit where known.value & mask & value != 0: return true
        case .jumpIfAnyBit where mask & value & ~known.mask == 0: return false
        default: return mask & ~known.mask == 0 ? test.code.holds(of: known.value & mask, value) : nil
        }
    }

    func after(_ test: DecisionGraph.Test, _ result: Bool) -> TestedArguments {
        var next = self
        next.results.append((test, result))
        switch (test.code, result) {
        case (.jumpIfEqual, true): next.bits.append((test.word.offset, test.word.mask, test.value))
        case (.jumpIfAnyBit, false): next.bits.append((test.word.offset, test.word.mask & test.value, 0))
        default: break
        }
        return next
    }
}
