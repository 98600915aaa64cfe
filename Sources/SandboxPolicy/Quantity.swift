/// Why a text is not an amount, as a sentence without a subject: "'2G' has an unknown unit; write ...".
package struct QuantityError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// What all amounts share: digits first, then a unit, no sign, no blank, no exponent.
enum Quantity {
    /// Splits "64MiB" into its digits and its unit.
    static func split(_ text: String, range: String) throws(QuantityError) -> (digits: Substring, unit: Substring) {
        // Long input is echoed cut: the text comes from a file or a command line.
        let shown = "'\(text.prefix(40))'"
        if text.hasPrefix("-") { throw QuantityError("\(shown) is negative; the range is \(range)") }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text[digits.endIndex...]
        if digits.isEmpty || !unit.allSatisfy({ $0.isASCII && $0.isLetter }) {
            throw QuantityError("\(shown) is not a whole number with a unit; the range is \(range)")
        }
        return (digits, unit)
    }

    static func pattern(_ units: [String]) -> String { "^[0-9]+(\(units.joined(separator: "|")))$" }

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
    static let range = "1B to 1024TiB"
    private static let units: [(name: String, factor: UInt64)] = [
        ("TiB", 1 << 40), ("TB", 1_000_000_000_000), ("GiB", 1 << 30), ("GB", 1_000_000_000),
        ("MiB", 1 << 20), ("MB", 1_000_000), ("KiB", 1 << 10), ("KB", 1000), ("B", 1),
    ]

    /// What `parse` takes, as a regular expression; the range is for `parse` to say.
    static var pattern: String { Quantity.pattern(units.map(\.name)) }

    /// Bytes of "64MiB". A bare number is refused: nobody can say whether its writer meant bytes or megabytes.
    package static func parse(_ text: String) throws(QuantityError) -> UInt64 {
        let (digits, unit) = try Quantity.split(text, range: range)
        if unit.isEmpty {
            throw QuantityError("'\(text.prefix(40))' has no unit; write for example \(digits.prefix(20))MiB")
        }
        guard let factor = units.first(where: { $0.name == unit })?.factor else {
            throw QuantityError(
                "'\(text.prefix(40))' has an unknown unit; the units are B, KB, KiB, MB, MiB, GB, GiB, TB, TiB")
        }
        return try Quantity.scale(digits, by: factor, in: accepted, text: text, range: range)
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
    static let range = "1ms to 720h"
    private static let units: [(name: String, factor: UInt64)] = [
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// What `parse` takes, as a regular expression; the range is for `parse` to say.
    static var pattern: String { Quantity.pattern(units.map(\.name)) }

    /// Milliseconds of "30s".
    package static func parse(_ text: String) throws(QuantityError) -> UInt64 {
        let (digits, unit) = try Quantity.split(text, range: range)
        if unit.isEmpty {
            throw QuantityError("'\(text.prefix(40))' has no unit; write for example \(digits.prefix(20))s")
        }
        guard let factor = units.first(where: { $0.name == unit })?.factor else {
            throw QuantityError("'\(text.prefix(40))' has an unknown unit; the units are ms, s, m, h")
        }
        return try Quantity.scale(digits, by: factor, in: accepted, text: text, range: range)
    }

    /// "30s", exact, as `parse` reads it.
    package static func describe(_ milliseconds: UInt64) -> String {
        Quantity.describe(milliseconds, units: units, separator: "")
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

/// Plain counts: processes, open files.
package enum Count {
    static func parse(_ text: String, in accepted: ClosedRange<UInt64>) throws(QuantityError) -> UInt64 {
        let range = "\(accepted.lowerBound) to \(accepted.upperBound)"
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }) else {
            throw QuantityError("'\(text.prefix(40))' is not a whole number; the range is \(range)")
        }
        return try Quantity.scale(text[...], by: 1, in: accepted, text: text, range: range)
    }
}
