import Glibc

/// Comparisons of a call's number, and where they lead among the decisions.
indirect enum NumberTree: Equatable {
    case decision(Int)
    case compare(FilterInstruction.Code, UInt32, ifTrue: NumberTree, ifFalse: NumberTree)
}

/// Numbers of calls that the same is done with.
struct NumberRange: Equatable {
    /// The first number; the last is before the next range's.
    var start: UInt32
    var decision: Int
}

/// Finds a tree with few comparisons and short ways for ranges of numbers, the first of which starts at 0.
///
/// What a filter costs when it is installed is both: each instruction is checked, converted and compiled, and with the
/// number of each call that Linux has the kernel follows the program, to know which ones are always allowed
/// (`seccomp_cache_prepare`). 5 ns a step, 180 ns an instruction.
///
/// A call between others is one comparison for equality instead of two for what is below and above it. So the ranges
/// are cut into groups with one usual decision and few exceptions, and what is searched is the group, by halves of the
/// numbers.
struct NumberTreeBuilder {
    /// Neighbouring ranges, of which all but a few numbers lead to one decision.
    private struct Group {
        var ranges: Range<Int>
        var usual: Int
        var exceptions: Int
    }

    /// Linux has so many calls (6.18); a larger number is never followed.
    private static let calls: UInt32 = 470
    /// In steps. Somewhat more than the times above say: each group brings a comparison that jumps to both sides, which
    /// is two instructions for the processor.
    private static let costOfInstruction = 40
    /// Of a group. With more, calls that are not always allowed would have a long way, at each of them.
    static let mostExceptions = 3

    private let ranges: [NumberRange]
    /// How many steps it is to ask about all ranges before this one.
    private let weights: [Int]

    static func tree(of ranges: [NumberRange]) -> NumberTree? {
        guard !ranges.isEmpty else { return nil }
        let builder = NumberTreeBuilder(ranges)
        return builder.tree(of: builder.groups()[...])
    }

    private init(_ ranges: [NumberRange]) {
        self.ranges = ranges
        var sum = 0
        weights =
            [0]
            + ranges.indices.map { index in
                let end = index + 1 < ranges.count ? min(ranges[index + 1].start, Self.calls) : Self.calls
                sum += max(1, Int(end) - Int(ranges[index].start))
                return sum
            }
    }

    // MARK: groups

    /// The cheapest, by the cheapest ones of the ranges before each.
    private func groups() -> [Group] {
        var cheapest: [(cost: Double, last: Group?)] = [(0, nil)]
        for end in 1...ranges.count {
            var best: (cost: Double, last: Group?) = (.infinity, nil)
            // A range alone is a group.
            for start in max(0, end - 2 * Self.mostExceptions - 1)..<end {
                guard let group = group(start..<end) else { continue }
                let cost = cheapest[start].cost + cost(of: group)
                if cost < best.cost { best = (cost, group) }
            }
            cheapest.append(best)
        }
        var groups: [Group] = []
        var end = ranges.count
        while let group = cheapest[end].last {
            groups.append(group)
            end = group.ranges.lowerBound
        }
        return groups.reversed()
    }

    /// The steps to the group are what they would be if every comparison left half of the numbers.
    private func cost(of group: Group) -> Double {
        let (exceptions, weight) = (group.exceptions, weight(group.ranges))
        let steps = exceptions * weight - exceptions * (exceptions - 1) / 2
        let search = Double(weight) * log2(Double(weights[ranges.count]) / Double(weight))
        return Double(steps + (exceptions + 1) * Self.costOfInstruction) + search
    }

    private func weight(_ part: Range<Int>) -> Int { weights[part.upperBound] - weights[part.lowerBound] }

    /// All numbers.
    private func count(_ part: Range<Int>) -> Int {
        let end = part.upperBound < ranges.count ? Int(ranges[part.upperBound].start) : Int(UInt32.max) + 1
        return end - Int(ranges[part.lowerBound].start)
    }

    private func group(_ part: Range<Int>) -> Group? {
        let all = count(part)
        var best: Group?
        for candidate in part {
            let usual = ranges[candidate].decision
            let exceptions = part.reduce(all) { ranges[$1].decision == usual ? $0 - count($1..<$1 + 1) : $0 }
            if exceptions <= best?.exceptions ?? Self.mostExceptions {
                best = Group(ranges: part, usual: usual, exceptions: exceptions)
            }
        }
        return best
    }

    // MARK: the tree

    private func tree(of groups: ArraySlice<Group>) -> NumberTree {
        guard groups.count > 1 else { return groups.first.map(tree) ?? .decision(0) }
        let middle = middle(of: groups)
        return .compare(
            .jumpIfGreaterOrEqual, ranges[groups[middle].ranges.lowerBound].start, ifTrue: tree(of: groups[middle...]),
            ifFalse: tree(of: groups[..<middle]))
    }

    /// Where the halves are as equal as they can be.
    private func middle(of groups: ArraySlice<Group>) -> Int {
        let all = weight(groups[groups.startIndex].ranges.lowerBound..<groups[groups.endIndex - 1].ranges.upperBound)
        func difference(_ index: Int) -> Int {
            let lower = weight(groups[groups.startIndex].ranges.lowerBound..<groups[index].ranges.lowerBound)
            return abs(all - 2 * lower)
        }
        let candidates = groups.indices.dropFirst()
        return candidates.min { difference($0) < difference($1) } ?? groups.startIndex + 1
    }

    private func tree(of group: Group) -> NumberTree {
        var tree = NumberTree.decision(group.usual)
        for index in group.ranges.reversed() where ranges[index].decision != group.usual {
            for number in (0..<UInt32(count(index..<index + 1))).reversed() {
                tree = .compare(
                    .jumpIfEqual, ranges[index].start + number, ifTrue: .decision(ranges[index].decision), ifFalse: tree
                )
            }
        }
        return tree
    }
}
