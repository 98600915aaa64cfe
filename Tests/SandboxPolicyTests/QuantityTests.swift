import SandboxModel
import Testing

@Suite("Amounts")
struct QuantityTests {
    @Test(
        "bytes with a unit",
        arguments: [
            ("64KiB", 65_536), ("1MiB", 1_048_576), ("2GiB", 2_147_483_648), ("3KB", 3000), ("4MB", 4_000_000),
            ("5GB", 5_000_000_000), ("7B", 7), ("1024TiB", 1 << 50),
        ] as [(String, UInt64)])
    func bytes(text: String, expected: UInt64) throws {
        #expect(try ByteCount.parse(text) == expected)
    }

    @Test(
        "what is no amount of bytes",
        arguments: [
            "", "0B", "0MiB", "-1MiB", "+1MiB", "1.5MiB", "1.5.2GiB", "1 MiB", "1mib", "1G", "1M", "MiB", "nan", "inf",
            "1e3B", "0x10B", "1025TiB", "18446744073709551616B", "99999999999999999999GiB", "٣MiB", "1MiB ", "1_000B",
        ])
    func notBytes(text: String) {
        #expect(throws: QuantityError.self) { try ByteCount.parse(text) }
    }

    @Test("errors say what is accepted")
    func messages() {
        func message(_ body: () throws(QuantityError) -> Void) -> String {
            do throws(QuantityError) { try body() } catch { return error.description }
            return ""
        }
        #expect(
            message { () throws(QuantityError) in _ = try ByteCount.parse("512") }
                == "'512' has no unit; write for example 512MiB; the range is 1B to 1024TiB")
        #expect(
            message { () throws(QuantityError) in _ = try ByteCount.parse("9223372036854775808") }
                == "'9223372036854775808' has no unit; the range is 1B to 1024TiB")
        #expect(
            message { () throws(QuantityError) in _ = try ByteCount.parse("2G") }
                == "'2G' has an unknown unit; write 2GiB; the units are B, KB, KiB, MB, MiB, GB, GiB, TB, TiB; the range is 1B to 1024TiB"
        )
        #expect(
            message { () throws(QuantityError) in _ = try ByteCount.parse("0B") }
                == "'0B' is out of range; the range is 1B to 1024TiB")
        #expect(
            message { () throws(QuantityError) in _ = try TimeSpan.parse("-1s") }
                == "'-1s' is negative; the range is 1ms to 720h")
        #expect(
            message { () throws(QuantityError) in _ = try TimeSpan.parse("30") }
                == "'30' has no unit; write for example 30s; the range is 1ms to 720h")
        #expect(
            message { () throws(QuantityError) in _ = try CoreCount.parse("0") }
                == "'0' is out of range; the range is 0.001 to 1024, with at most 3 decimals")
    }

    @Test(
        "what was meant is said where it is exact and accepted",
        arguments: [
            ("64M", "64MiB"), ("512mb", "512MiB"), ("1.5GiB", "1536MiB"), (" 5 KiB", "5KiB"), ("1bytes", "1B"),
            ("1.3GiB", nil), ("0.0M", nil), ("1.M", nil), (".5M", nil), ("9e9", nil), ("1025T", nil), ("1.2.3M", nil),
            ("18446744073709551615T", nil), ("16777215.9999999T", nil), ("5x", nil),
        ] as [(String, String?)])
    func meantBytes(text: String, meant: String?) throws {
        let error = try #require(throws: QuantityError.self) { try ByteCount.parse(text) }
        #expect(error.description.contains("; write ") == (meant != nil), "\(error)")
        if let meant {
            #expect(error.description.contains("; write \(meant); "), "\(error)")
            #expect(throws: Never.self) { try ByteCount.parse(meant) }
        }
    }

    @Test(
        "and of times",
        arguments: [
            ("1.5s", "1500ms"), ("30S", "30s"), ("2min", "2m"), ("1d", "24h"), ("0.5h", "30m"), ("1.0005s", nil),
            ("31d", nil), ("0.0s", nil),
        ] as [(String, String?)])
    func meantTime(text: String, meant: String?) throws {
        let error = try #require(throws: QuantityError.self) { try TimeSpan.parse(text) }
        #expect(error.description.contains("; write ") == (meant != nil), "\(error)")
        if let meant { #expect(error.description.contains("; write \(meant); "), "\(error)") }
    }

    @Test(
        "spans of time",
        arguments: [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("720h", 2_592_000_000)]
            as [(String, UInt64)])
    func durations(text: String, expected: UInt64) throws {
        #expect(try TimeSpan.parse(text) == expected)
        #expect(try TimeSpan.parse(TimeSpan.describe(expected)) == expected)
    }

    @Test(
        "what is no span of time", arguments: ["", "0s", "-5s", "1.5h", "1d", "721h", "30", "s", "inf", "30S", "1h30m"])
    func notDurations(text: String) {
        #expect(throws: QuantityError.self) { try TimeSpan.parse(text) }
    }

    @Test("cores", arguments: [("1", 1), ("1.5", 1.5), ("0.001", 0.001), ("1024", 1024), ("0.25", 0.25)])
    func cores(text: String, expected: Double) throws {
        #expect(try CoreCount.parse(text) == expected)
    }

    @Test(
        "what is no number of cores",
        arguments: [
            "", "0", "0.0", "-1", "1.", ".5", "1.5.2", "1.2345", "1025", "1024.001", "nan", "inf", "1e3", "2 ", "+1",
        ])
    func notCores(text: String) {
        #expect(throws: QuantityError.self) { try CoreCount.parse(text) }
    }

    @Test("described exactly, in the unit that keeps the number small")
    func described() throws {
        #expect(ByteCount.describe(2 << 30) == "2 GiB")
        #expect(ByteCount.describe(100_000_000) == "100 MB")
        #expect(ByteCount.describe(1537) == "1537 B")
        #expect(try ByteCount.parse(ByteCount.notation(1_500_000)) == 1_500_000)
        #expect(TimeSpan.describe(90_000) == "90s" && TimeSpan.describe(0) == "0s")
        #expect(TimeSpan.describe(1500) == "1500ms")
        #expect(CoreCount.describe(millicores: 1500) == "1.5")
        #expect(CoreCount.describe(millicores: 2000) == "2")
        #expect(CoreCount.describe(millicores: 1) == "0.001")
    }
}
