import SandboxModel

/// Amounts in messages, in the units that people read.
enum Readable {
    /// "512 MiB", "1 MB"; where that would be a long number, rounded: "117.7 MiB".
    static func bytes(_ count: UInt64) -> String {
        let exact = ByteCount.describe(count)
        guard exact.prefix(while: \.isNumber).count > 3 else { return count < 1000 ? "\(count) bytes" : exact }
        let units: [(String, UInt64)] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        guard let (name, factor) = units.first(where: { count >= $0.1 }) else { return exact }
        // Down, as everybody reads "of which": a limit that was just missed is not called met.
        let tenths = count / factor * 10 + count % factor * 10 / factor
        return tenths % 10 == 0 ? "\(tenths / 10) \(name)" : "\(tenths / 10).\(tenths % 10) \(name)"
    }

    /// "500 ms", "2.003 s", "1 min 30 s", "2 h"; exact.
    static func time(milliseconds: UInt64) -> String {
        guard milliseconds >= 1000 else { return "\(milliseconds) ms" }
        let (hours, minutes) = (milliseconds / 3_600_000, milliseconds / 60_000 % 60)
        let rest = milliseconds % 60_000
        var parts: [String] = []
        if hours > 0 { parts.append("\(hours) h") }
        if minutes > 0 { parts.append("\(minutes) min") }
        if rest > 0 {
            var decimals = String(String(1000 + rest % 1000).dropFirst())
            while decimals.hasSuffix("0") { decimals.removeLast() }
            parts.append("\(rest / 1000)\(decimals.isEmpty ? "" : ".")\(decimals) s")
        }
        return parts.joined(separator: " ")
    }
}
