import SandboxModel
import Testing

@testable import SandboxExec
@testable import sandboxctl_verbs

@Suite struct FigureTests {
    @Test func bytes() {
        let cases: [(UInt64, String)] = [
            (0, "0 B"), (1, "1 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (13 << 20, "13.0 MiB"),
            ((1 << 20) - 1, "1.0 MiB"), (1 << 50, "1.0 PiB"), (.max, "16384.0 PiB"),
        ]
        for (amount, text) in cases { #expect(Figures.bytes(amount) == text) }
    }

    @Test func times() {
        #expect(Figures.seconds(0) == "0.00s" && Figures.seconds(1984) == "1.98s" && Figures.seconds(999) == "1.00s")
        #expect(Figures.seconds(50, places: 1) == "0.1s" && Figures.seconds(2000, places: 0) == "2s")
        let ages: [(UInt64, String)] = [
            (0, "0.0s"), (12_345, "12.3s"), (99_999, "99.9s"), (100_000, "1m40s"), (725_000, "12m05s"),
            (11_520_000, "3h12m"), (183_600_000, "2d03h"),
        ]
        for (age, text) in ages { #expect(Figures.age(age) == text) }
    }

    @Test func decimalsThatCannotBeShownAreNot() {
        for value in [Double.nan, .infinity, -1, 1e300] { #expect(Figures.decimal(value, places: 1) == "-") }
        #expect(Figures.decimal(99.96, places: 1) == "100.0")
        #expect(Figures.decimal(0.05, places: 2) == "0.05")
    }

    private func sample(_ elapsed: UInt64?, user: UInt64?, system: UInt64? = 0) -> UsageSample {
        var sample = UsageSample()
        sample.elapsedMilliseconds = elapsed
        sample.userMilliseconds = user
        sample.systemMilliseconds = system
        return sample
    }

    @Test func percentages() {
        #expect(sample(2000, user: 1000, system: 980).cpuPercent(since: nil) == 99)
        #expect(sample(3000, user: 3000).cpuPercent(since: sample(2000, user: 1000)) == 200)
        // The same sample twice, none yet, one that is not counted, and a clock or a count that went back.
        #expect(sample(2000, user: 1).cpuPercent(since: sample(2000, user: 1)) == nil)
        #expect(sample(nil, user: 1).cpuPercent(since: nil) == nil)
        #expect(sample(1, user: nil).cpuPercent(since: nil) == nil)
        #expect(sample(2000, user: 1).cpuPercent(since: sample(1000, user: 2)) == nil)
        #expect(sample(2000, user: .max, system: 1).cpuPercent(since: nil) == nil)
    }

    @Test func tables() {
        let rows = [["A", "N", ""], ["long", "1", "x"], ["b", "200", ""]]
        #expect(Table.text(rows, numbers: [1]) == "A       N\nlong    1  x\nb     200\n")
        #expect(Table.text([]) == "")
    }

    @Test func nothingDrivesTheTerminal() {
        #expect("a\u{1B}[2Jb\u{202E}c\n".cleaned() == "a\\u{1b}[2Jb\\u{202e}c\\u{a}")
        #expect("\u{9B}31m\u{2028}".cleaned() == "\\u{9b}31m\\u{2028}")
        #expect("abcdef".cleaned(atMost: 3) == "abc...")
        #expect("n\u{E4}h \u{1F600}".cleaned() == "n\u{E4}h \u{1F600}")
    }
}

@Suite struct UsageLineTests {
    @Test func aLineSaysWhatIsCounted() {
        var line = UsageLine()
        var sample = UsageSample()
        #expect(line.text(sample) == "usage: not counted on this host")
        sample.elapsedMilliseconds = 2000
        sample.userMilliseconds = 1900
        sample.systemMilliseconds = 80
        sample.memoryBytes = 12_897_485
        sample.memoryPeakBytes = 13 << 20
        sample.processes = 3
        sample.readBytes = 0
        sample.writeBytes = 2048
        sample.cpuStallMilliseconds = 10
        sample.ioStallMilliseconds = 0
        #expect(
            line.text(sample)
                == "usage 2.0s: cpu 1.98s (99 %), memory 12.3 MiB (peak 13.0 MiB), 3 processes, read 0 B, "
                + "written 2.0 KiB, stalled for cpu 0.01s io 0.00s")
        // The percentage is of the time since the last line.
        sample.elapsedMilliseconds = 3000
        sample.userMilliseconds = 2400
        sample.processes = 1
        #expect(
            line.text(sample).hasPrefix("usage 3.0s: cpu 2.48s (50 %), memory 12.3 MiB (peak 13.0 MiB), 1 process,"))
    }

    @Test func theLastLineIsTheResults() {
        var result = RunResult(id: "", policy: "", outcome: Outcome(reason: .denied, message: ""))
        #expect(UsageLine.total(result) == nil)
        result.usage.wallMilliseconds = 1000
        result.usage.userMilliseconds = 900
        result.usage.systemMilliseconds = 90
        result.usage.memoryPeakBytes = 1 << 20
        result.usage.stdoutBytes = 3
        #expect(
            UsageLine.total(result)
                == "usage in all, 1.00s: cpu 0.99s (user 0.90s, system 0.09s), memory peak 1.0 MiB, stdout 3 B")
    }
}

@Suite struct QuantityOptionTests {
    @Test func intervals() throws {
        #expect(try Interval.parse("100ms") == 100 && Interval.parse("1s") == 1000 && Interval.parse("1h") == 3_600_000)
        for text in ["99ms", "61m", "0s", "-1s", "1", "", "1.5s", "s", "18446744073709551616ms", "1 s"] {
            #expect(throws: (any Error).self, "\(text)") { try Interval.parse(text) }
        }
    }

    @Test func parts() throws {
        #expect(try KeepOption.parse("head:64KiB,tail:1MiB") == .init(headBytes: 65536, tailBytes: 1 << 20))
        #expect(try KeepOption.parse("tail:10B,head:1B") == .init(headBytes: 1, tailBytes: 10))
        #expect(try KeepOption.parse("head:1024TiB") == .init(headBytes: 1 << 50))
        #expect(try KeepOption.parse("tail:1B") == .init(tailBytes: 1))
        for text in [
            "", ",", "head", "head:", ":1KiB", "head:1KiB,", "head:1KiB,head:1KiB", "tail:2MiB", "tail:1048577B",
            "head:0B", "head:-1B", "head:1025TiB", "middle:1KiB", "Head:1KiB", "head:1KiB;tail:1KiB",
            "head:1KiB tail:1KiB",
            "head:1", "head:1.5KiB", "head:1KiB:2KiB",
        ] {
            #expect(throws: (any Error).self, "\(text)") { try KeepOption.parse(text) }
        }
    }
}
