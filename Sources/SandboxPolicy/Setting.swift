import SandboxModel

/// The value of one `PolicyKey`, read and checked.
enum Setting: Sendable, Hashable {
    /// Bytes, milliseconds, counts or thousandths of a core, as the key says.
    case amount(UInt64)
    /// Paths, variable names, system calls or accounts.
    case list([Located<String>])
    case word(String)
    case flag(Bool)
    case rules([CommandRule])
    case variables([String: Located<String>])

    var strings: [String] {
        if case .list(let items) = self { items.map(\.value) } else { [] }
    }
}

extension PolicyKey {
    /// The amount that a text says, as `AmountKind` reads it; `nil` for a key that has none.
    func parse(_ text: String) throws(QuantityError) -> UInt64? { try amountKind?.parse(text) }

    /// The amounts that `parse` gives.
    var accepted: ClosedRange<UInt64>? { amountKind?.accepted }

    /// An amount as people read it.
    func describe(_ amount: UInt64) -> String { amountKind?.describe(amount) ?? "\(amount)" }

    /// An amount as it is written in a policy.
    func notation(_ amount: UInt64) -> String { amountKind?.notation(amount) ?? "\(amount)" }
}
