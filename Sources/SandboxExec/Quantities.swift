package import SandboxModel

/// `--usage 1s`, `--interval 1s`: how often.
package enum Interval {
    /// Milliseconds: what a request may ask for.
    package static let accepted: ClosedRange<UInt64> = 100...3_600_000

    package static func parse(_ text: String) throws(QuantityError) -> UInt64 {
        try TimeSpan.parse(text, in: accepted)
    }
}

/// `--keep-stdout head:64KiB,tail:64KiB`.
package enum KeepOption {
    package static func parse(_ text: String) throws(QuantityError) -> OutputKeep.Part {
        var sizes: [Substring: UInt64] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2, ["head", "tail"].contains(halves[0]) else {
                throw QuantityError(
                    "'\(text.prefix(40))' is not of the form head:64KiB, tail:64KiB or head:64KiB,tail:64KiB")
            }
            guard sizes[halves[0]] == nil else {
                throw QuantityError("'\(text.prefix(40))' says \(halves[0]) twice")
            }
            sizes[halves[0]] = try ByteCount.parse(String(halves[1]))
        }
        let keep = OutputKeep.Part(headBytes: sizes["head"] ?? 0, tailBytes: sizes["tail"] ?? 0)
        guard keep.tailBytes <= OutputKeep.maximumTailBytes else {
            throw QuantityError("'\(text.prefix(40))' is out of range; the range of a tail is 1B to 1MiB")
        }
        return keep
    }
}
