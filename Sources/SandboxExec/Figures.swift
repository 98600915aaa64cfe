package import SandboxModel

/// Amounts for people: rounded, with a unit.
package enum Figures {
    /// "512 B", "12.3 MiB".
    package static func bytes(_ bytes: UInt64) -> String {
        var value = Double(bytes)
        var unit = "B"
        for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] where value >= 1023.95 {
            value /= 1024
            unit = next
        }
        return unit == "B" ? "\(bytes) B" : "\(decimal(value, places: 1)) \(unit)"
    }

    /// "1 file", "2 files".
    package static func count(_ number: UInt64, _ one: String, _ many: String) -> String {
        number == 1 ? "1 \(one)" : "\(number) \(many)"
    }

    /// "1.98s": milliseconds as seconds.
    package static func seconds(_ milliseconds: UInt64, places: Int = 2) -> String {
        "\(decimal(Double(milliseconds) / 1000, places: places))s"
    }

    /// "12.3s", "12m05s", "3h12m", "2d03h".
    package static func age(_ milliseconds: UInt64) -> String {
        let seconds = milliseconds / 1000
        switch seconds {
        case ..<100: return Figures.seconds(milliseconds / 100 * 100, places: 1)
        case ..<3600: return "\(seconds / 60)m\(twoDigits(seconds % 60))s"
        case ..<86400: return "\(seconds / 3600)h\(twoDigits(seconds / 60 % 60))m"
        default: return "\(seconds / 86400)d\(twoDigits(seconds / 3600 % 24))h"
        }
    }

    /// A rounded number, without the exponent that Swift writes for large ones.
    package static func decimal(_ value: Double, places: Int) -> String {
        let factor = (0..<places).reduce(UInt64(1)) { product, _ in product * 10 }
        let scaled = value * Double(factor)
        guard scaled.isFinite, scaled >= 0, scaled < 1e18 else { return "-" }
        let rounded = UInt64(scaled.rounded())
        guard places > 0 else { return "\(rounded)" }
        let digits = String(factor + rounded % factor).dropFirst()
        return "\(rounded / factor).\(digits)"
    }

    private static func twoDigits(_ value: UInt64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

extension UsageSample {
    /// User and system time, where the host counts both.
    package var cpuMilliseconds: UInt64? {
        guard let user = userMilliseconds, let system = systemMilliseconds else { return nil }
        let (sum, overflow) = user.addingReportingOverflow(system)
        return overflow ? nil : sum
    }

    /// CPU time per wall time since an earlier sample, since the start without one; 100 is one core.
    ///
    /// `nil` where nothing is counted, and where no time has passed: both samples can be the same one.
    package func cpuPercent(since earlier: UsageSample?) -> Double? {
        rate(since: earlier, \.cpuMilliseconds).map { $0 / 10 }
    }

    /// How much a count has grown, per second.
    package func rate(since earlier: UsageSample?, _ count: (UsageSample) -> UInt64?) -> Double? {
        guard let now = count(self), let time = elapsedMilliseconds else { return nil }
        let before = earlier.flatMap(count) ?? 0
        let start = earlier?.elapsedMilliseconds ?? 0
        guard time > start, now >= before else { return nil }
        return Double(now - before) / Double(time - start) * 1000
    }
}
