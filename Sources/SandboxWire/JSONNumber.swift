extension JSONDocument {
    /// A number as an integer, also where it is written 10.0 or 1e3; `nil` where it is none, or not of this type.
    func integer<Value: FixedWidthInteger>(_ index: Int) -> Value? {
        guard nodes[index].kind == .number else { return nil }
        if nodes[index].mark { return approximation(index).flatMap { Value(exactly: $0) } }
        var range = range(index)
        let isNegative = bytes[range.lowerBound] == UInt8(ascii: "-")
        if isNegative { range = range.dropFirst() }
        var value: Value = 0
        for byte in bytes[range] {
            let (product, isLarge) = value.multipliedReportingOverflow(by: 10)
            let digit = Value(truncatingIfNeeded: byte - UInt8(ascii: "0"))
            let (sum, isLarger) =
                isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            guard !isLarge, !isLarger else { return nil }
            value = sum
        }
        return value
    }

    /// A number as the nearest double; `nil` where it is none, too large to be one, or other than zero and too small.
    func double(_ index: Int) -> Double? {
        guard nodes[index].kind == .number, let value = approximation(index) else { return nil }
        guard value == 0 else { return value.isFinite ? value : nil }
        let digits = bytes[range(index)].prefix { $0 | 0x20 != UInt8(ascii: "e") }
        return digits.contains { UInt8(ascii: "1")...UInt8(ascii: "9") ~= $0 } ? nil : value
    }

    private func approximation(_ index: Int) -> Double? {
        // Up to 2^53 both are the same.
        if !nodes[index].mark, nodes[index].count < 16, let value: Int64 = integer(index), value != 0 {
            return Double(value)
        }
        return Double(String(decoding: bytes[range(index)], as: UTF8.self))
    }
}
