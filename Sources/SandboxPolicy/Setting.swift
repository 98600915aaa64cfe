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
    /// An amount as people write it.
    func describe(_ amount: UInt64) -> String {
        switch kind {
        case .bytes: ByteCount.describe(amount)
        case .duration: TimeSpan.describe(amount)
        case .cores: CoreCount.describe(millicores: amount)
        case .count, .readPaths, .hidePaths, .roots, .programs, .libraries, .word, .flag, .rules, .variableNames,
            .variables, .syscalls, .accounts:
            "\(amount)"
        }
    }
}
