/// Why a text is not an amount, as a sentence without a subject: "'2G' has an unknown unit; write ...".
package struct QuantityError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// What all amounts share: digits first, then a unit, no sign, no blank, no exponent.
enum Quantity {
    /// Splits "64MiB" into its digits and its unit.
    ///
    /// - Parameter meant: what its writer may have meant, as `suggestion` gives it.
    static func split(
        _ text: String, range: String, meant: String?
    ) throws(QuantityError) -> (digits: Substring, unit: Substring) {
        // Long input is echoed cut: the text comes from a file or a command line.
        let shown = "'\(text.prefix(40))'"
        if text.hasPrefix("-") { throw QuantityError("\(shown) is negative; the range is \(range)") }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text[digits.endIndex...]
        if digits.isEmpty || !unit.allSatisfy({ $0.isASCII && $0.isLetter }) {
            throw QuantityError("\(shown) is not a whole number with a unit\(advice(meant)); the range is \(range)")
        }
        return (digits, unit)
    }

    static func advice(_ meant: String?) -> String { meant.map { "; write \($0)" } ?? "" }

    /// - Parameter zero: whether an amount of 0 is taken.
    static func pattern(_ units: [String], zero: Bool) -> String {
        "^\(zero ? "" : "0*[1-9]")[0-9]\(zero ? "+" : "*")(\(units.joined(separator: "|")))$"
    }

    /// The whole amount of "1.5 s", "64M" or "512mb": with decimals, blanks, other cases and usual short names of units.
    /// `nil` where that is no exact amount; it is for an error's text alone, nothing is ever read so.
    static func suggestion(_ text: String, units: [(names: [String], factor: UInt64)]) -> UInt64? {
        guard text.utf8.count <= 40 else { return nil }
        let plain = text.lowercased().filter { $0 != " " }
        let number = plain.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = parts.first.flatMap({ UInt64($0) }),
            let factor = units.first(where: { $0.names.contains(String(plain.dropFirst(number.count))) })?.factor
        else { return nil }
        let (value, isTooLarge) = whole.multipliedReportingOverflow(by: factor)
        guard !isTooLarge else { return nil }
        guard parts.count == 2 else { return value }
        // Six decimals of the largest unit are far from an overflow.
        guard parts[1].count <= 6, let decimals = UInt64(parts[1]) else { return nil }
        let scale = parts[1].reduce(UInt64(1)) { scale, _ in scale * 10 }
        guard decimals * factor % scale == 0 else { return nil }
        let (sum, overflow) = value.addingReportingOverflow(decimals * factor / scale)
        return overflow ? nil : sum
    }

    /// Multiplies with every overflow checked, and holds the result to the range.
    static func scale(
        _ digits: Substring, by factor: UInt64, in accepted: ClosedRange<UInt64>, text: String, range: String
    ) throws(QuantityError) -> UInt64 {
        let shown = "'\(text.prefix(40))'"
        guard let number = UInt64(digits),
            case (let value, let overflow) = number.multipliedReportingOverflow(by: factor),
            !overflow, accepted.contains(value)
        else { throw QuantityError("\(shown) is out of range; the range is \(range)") }
        return value
    }

    /// What is wrong with a number that stands alone. An example is given where the number would be accepted with a unit.
    static func noUnit(_ text: String, example: String?, range: String) -> QuantityError {
        let advice = example.map { "; write for example \($0)" } ?? ""
        return QuantityError("'\(text.prefix(40))' has no unit\(advice); the range is \(range)")
    }

    /// "512 MiB": the unit that gives the smallest whole number.
    static func describe(_ value: UInt64, units: [(name: String, factor: UInt64)], separator: String) -> String {
        let exact = units.filter { value >= $0.factor && value % $0.factor == 0 }
        guard let best = exact.min(by: { value / $0.factor < value / $1.factor }) ?? units.last else { return "" }
        return "\(value / best.factor)\(separator)\(best.name)"
    }
}

/// Amounts of memory, files and output: a whole number and a unit.
package enum ByteCount {
    /// Any amount of bytes that a policy or a request may name.
    package static let accepted: ClosedRange<UInt64> = 1...(1 << 50)
    private static let units: [(name: String, factor: UInt64)] = [
        ("TiB", 1 << 40), ("TB", 1_000_000_000_000), ("GiB", 1 << 30), ("GB", 1_000_000_000),
        ("MiB", 1 << 20), ("MB", 1_000_000), ("KiB", 1 << 10), ("KB", 1000), ("B", 1),
    ]

    /// What `parse` takes, as a regular expression; the range is for `parse` to say.
    package static func pattern(zero: Bool) -> String { Quantity.pattern(units.map(\.name), zero: zero) }

    /// Bytes of "64MiB". A bare number is refused: nobody can say whether its writer meant bytes or megabytes.
    package static func parse(_ text: String) throws(QuantityError) -> UInt64 { try parse(text, in: accepted) }

    package static func parse(_ text: String, in accepted: ClosedRange<UInt64>) throws(QuantityError) -> UInt64 {
        let range = "\(notation(accepted.lowerBound)) to \(notation(accepted.upperBound))"
        let meant = meant(text, in: accepted)
        let (digits, unit) = try Quantity.split(text, range: range, meant: meant)
        if unit.isEmpty {
            let example = "\(digits.prefix(20))MiB"
            let isAccepted = (try? parse(example, in: accepted)) != nil
            throw Quantity.noUnit(text, example: isAccepted ? example : nil, range: range)
        }
        guard let factor = units.first(where: { $0.name == unit })?.factor else {
            throw QuantityError(
                "'\(text.prefix(40))' has an unknown unit\(Quantity.advice(meant)); "
                    + "the units are B, KB, KiB, MB, MiB, GB, GiB, TB, TiB; the range is " + range)
        }
        return try Quantity.scale(digits, by: factor, in: accepted, text: text, range: range)
    }

    /// "64MiB" of "64M": who writes the short name means the power of two mostly.
    private static func meant(_ text: String, in accepted: ClosedRange<UInt64>) -> String? {
        let amount = Quantity.suggestion(
            text,
            units: [
                (["b", "byte", "bytes"], 1), (["k", "kb", "kib"], 1 << 10), (["m", "mb", "mib"], 1 << 20),
                (["g", "gb", "gib"], 1 << 30), (["t", "tb", "tib"], 1 << 40),
            ])
        return amount.flatMap { accepted.contains($0) ? notation($0) : nil }
    }

    /// "512 MiB", exact.
    package static func describe(_ bytes: UInt64) -> String { Quantity.describe(bytes, units: units, separator: " ") }

    /// "512MiB", as `parse` reads it.
    package static func notation(_ bytes: UInt64) -> String { Quantity.describe(bytes, units: units, separator: "") }
}

/// Spans of time in milliseconds: a whole number and `ms`, `s`, `m` or `h`.
package enum TimeSpan {
    /// 30 days: long enough for any run, short enough that a deadline never overflows a clock.
    package static let accepted: ClosedRange<UInt64> = 1...(30 * 24 * 3_600_000)
    private static let units: [(name: String, factor: UInt64)] = [
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// What `parse` takes, as a regular expression; the range is for `parse` to say.
    package static func pattern(zero: Bool) -> String { Quantity.pattern(units.map(\.name), zero: zero) }

    /// Milliseconds of "30s".
    package static func parse(_ text: String) throws(QuantityError) -> UInt64 { try parse(text, in: accepted) }

    package static func parse(_ text: String, in accepted: ClosedRange<UInt64>) throws(QuantityError) -> UInt64 {
        let range = "\(describe(accepted.lowerBound)) to \(describe(accepted.upperBound))"
        let meant = meant(text, in: accepted)
        let (digits, unit) = try Quantity.split(text, range: range, meant: meant)
        if unit.isEmpty {
            let example = "\(digits.prefix(20))s"
            let isAccepted = (try? parse(example, in: accepted)) != nil
            throw Quantity.noUnit(text, example: isAccepted ? example : nil, range: range)
        }
        guard let factor = units.first(where: { $0.name == unit })?.factor else {
            throw QuantityError(
                "'\(text.prefix(40))' has an unknown unit\(Quantity.advice(meant)); the units are ms, s, m, h; the range is "
                    + range)
        }
        return try Quantity.scale(digits, by: factor, in: accepted, text: text, range: range)
    }

    /// "1500ms" of "1.5s".
    private static func meant(_ text: String, in accepted: ClosedRange<UInt64>) -> String? {
        let amount = Quantity.suggestion(
            text,
            units: [
                (["ms", "msec"], 1), (["s", "sec", "secs", "second", "seconds"], 1000),
                (["m", "min", "mins", "minute", "minutes"], 60_000), (["h", "hr", "hour", "hours"], 3_600_000),
                (["d", "day", "days"], 86_400_000),
            ])
        return amount.flatMap { accepted.contains($0) ? describe($0) : nil }
    }

    /// "30s", exact, as `parse` reads it. No time at all is "0s".
    package static func describe(_ milliseconds: UInt64) -> String {
        milliseconds == 0 ? "0s" : Quantity.describe(milliseconds, units: units, separator: "")
    }
}

/// Cores' worth of CPU: "1.5". At most three decimals, because thousandths of a core are what the kernel is told.
package enum CoreCount {
    package static let acceptedMillicores: ClosedRange<UInt64> = 1...1_024_000
    static let range = "0.001 to 1024, with at most 3 decimals"

    /// Cores of "1.5".
    package static func parse(_ text: String) throws(QuantityError) -> Double {
        Double(try parseMillicores(text)) / 1000
    }

    /// Thousandths of a core of "1.5": exact, where a `Double` would have to be rounded.
    package static func parseMillicores(_ text: String) throws(QuantityError) -> UInt64 {
        let shown = "'\(text.prefix(40))'"
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && $0.isNumber } }) else {
            throw QuantityError("\(shown) is not a number of cores; the range is \(range)")
        }
        let decimals = parts.count == 2 ? String(parts[1]) : ""
        let padded = decimals + String(repeating: "0", count: max(0, 3 - decimals.count))
        guard padded.count == 3, parts[0].count <= 6, let value = UInt64(parts[0] + padded),
            acceptedMillicores.contains(value)
        else { throw QuantityError("\(shown) is out of range; the range is \(range)") }
        return value
    }

    /// "1.5" for 1500 thousandths.
    package static func describe(millicores: UInt64) -> String {
        guard millicores % 1000 != 0 else { return "\(millicores / 1000)" }
        var decimals = String(String(1000 + millicores % 1000).dropFirst())
        while decimals.hasSuffix("0") { decimals.removeLast() }
        return "\(millicores / 1000).\(decimals)"
    }
}

/// Plain counts: processes, open files, files of a workspace.
package enum Count {
    package static func parse(_ text: String, in accepted: ClosedRange<UInt64>) throws(QuantityError) -> UInt64 {
        let range = "\(accepted.lowerBound) to \(accepted.upperBound)"
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }) else {
            throw QuantityError("'\(text.prefix(40))' is not a whole number; the range is \(range)")
        }
        return try Quantity.scale(text[...], by: 1, in: accepted, text: text, range: range)
    }
}
