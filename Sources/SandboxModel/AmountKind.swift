/// What an amount counts, which amounts are accepted, and how they are written: the same in policy files, on command lines
/// and in messages.
package enum AmountKind: Sendable, Hashable {
    case bytes(ClosedRange<UInt64>)
    /// Bytes per second.
    case rate(ClosedRange<UInt64>)
    /// Milliseconds.
    case duration(ClosedRange<UInt64>)
    case count(ClosedRange<UInt64>)
    /// Thousandths of a core.
    case cores

    /// The amounts that `parse` gives.
    package var accepted: ClosedRange<UInt64> {
        switch self {
        case .bytes(let range), .rate(let range), .duration(let range), .count(let range): range
        case .cores: CoreCount.acceptedMillicores
        }
    }

    /// The amount that a text says, in bytes, bytes per second, milliseconds, thousandths of a core or as a count.
    package func parse(_ text: String) throws(QuantityError) -> UInt64 {
        switch self {
        case .bytes(let range), .rate(let range): try ByteCount.parse(text, in: range)
        case .duration(let range): try TimeSpan.parse(text, in: range)
        case .count(let range): try Count.parse(text, in: range)
        case .cores: try CoreCount.parseMillicores(text)
        }
    }

    /// An amount as people read it.
    package func describe(_ amount: UInt64) -> String {
        switch self {
        case .bytes: ByteCount.describe(amount)
        case .rate: "\(ByteCount.describe(amount))/s"
        case .duration: TimeSpan.describe(amount)
        case .count: "\(amount)"
        case .cores: CoreCount.describe(millicores: amount)
        }
    }

    /// An amount as `parse` reads it.
    package func notation(_ amount: UInt64) -> String {
        switch self {
        case .bytes, .rate: ByteCount.notation(amount)
        case .duration, .count, .cores: describe(amount)
        }
    }
}
