import NIOCore
import SandboxModel
import Testing

@testable import SandboxEngine

@Suite struct OutputLedgerTests {
    @Test func `the sum is of both streams, and the byte that is too much is named once`() {
        var ledger = OutputLedger(limits: Limits(outputBytes: 10), keep: nil)
        #expect(ledger.read(6, of: .stdout) == .init(passed: 6))
        #expect(ledger.read(4, of: .stderr) == .init(passed: 4))
        #expect(ledger.read(3, of: .stderr) == .init(passed: 0, exceeded: .sum, observed: 13))
        #expect(ledger.stdout.isCut && ledger.stderr.isCut)
        #expect(ledger.read(5, of: .stdout) == .init(passed: 0))
        #expect(ledger.stdout.observed == 11 && ledger.stderr.observed == 7)
    }

    @Test func `a stream's own limit cuts that stream alone`() {
        var ledger = OutputLedger(limits: Limits(outputBytes: 10, stdoutBytes: 4), keep: nil)
        #expect(ledger.read(100, of: .stdout) == .init(passed: 4, exceeded: .stdout, observed: 100))
        // The other one's words are worth having, up to the sum of what passed.
        #expect(ledger.read(6, of: .stderr) == .init(passed: 6))
        #expect(ledger.read(1, of: .stderr) == .init(passed: 0, exceeded: .sum, observed: 107))
    }

    @Test func `the limit that comes first is named`() {
        var first = OutputLedger(limits: Limits(outputBytes: 10, stderrBytes: 8), keep: nil)
        _ = first.read(5, of: .stdout)
        #expect(first.read(20, of: .stderr).exceeded == .sum)
        var second = OutputLedger(limits: Limits(outputBytes: 10, stderrBytes: 5), keep: nil)
        _ = second.read(5, of: .stdout)
        #expect(second.read(20, of: .stderr).exceeded == .stderr)
    }

    @Test func `exactly as much as the limit is not too much`() {
        var ledger = OutputLedger(limits: Limits(outputBytes: 10, stdoutBytes: 10), keep: nil)
        #expect(ledger.read(10, of: .stdout).exceeded == nil)
        #expect(!ledger.stdout.isCut && ledger.stdout.headLeft > 0)
    }

    @Test func `what is neither head nor tail is omitted`() {
        let keep = OutputKeep(stdout: .init(headBytes: 10, tailBytes: 5))
        var ledger = OutputLedger(limits: Limits(outputBytes: 100), keep: keep)
        _ = ledger.read(10, of: .stdout)
        ledger.carry(10, of: .stdout)
        #expect(ledger.stdout.headLeft == 0 && ledger.stderr.headLeft == .max)
        _ = ledger.read(20, of: .stdout)
        #expect(ledger.stdout.omitted(besides: 5) == 15)
        ledger.carry(5, of: .stdout)
        #expect(ledger.stdout.isTruncated && !ledger.stderr.isTruncated)
    }

    @Test func `no limit is no limit`() {
        var ledger = OutputLedger(limits: Limits(), keep: nil)
        for _ in 0..<4 { #expect(ledger.read(Int(Int32.max), of: .stdout).exceeded == nil) }
        #expect(ledger.stdout.observed == 4 * UInt64(Int32.max))
    }

    // MARK: tails

    private func append(_ bytes: [UInt8], to tail: inout TailBuffer) {
        bytes.withUnsafeBytes { tail.append($0) }
    }

    @Test func `a tail is the last bytes, in whatever pieces they come and go`() {
        var chance = Seeded(state: 42)
        for _ in 0..<500 {
            let capacity = Int.random(in: 0...40, using: &chance)
            var tail = TailBuffer(capacity: capacity)
            var all: [UInt8] = []
            for _ in 0..<Int.random(in: 0...8, using: &chance) {
                let piece = (0..<Int.random(in: 0...50, using: &chance)).map { _ in
                    UInt8.random(in: 0...255, using: &chance)
                }
                append(piece, to: &tail)
                all += piece
                #expect(tail.count == min(all.count, capacity))
            }
            var taken: [UInt8] = []
            while tail.count > 0 {
                let piece = tail.removeFirst(Int.random(in: 1...20, using: &chance))
                #expect(piece.readerIndex == outputHeadroom)
                taken += Array(piece.readableBytesView)
            }
            #expect(taken == all.suffix(capacity))
        }
    }

    @Test func `a tail takes no more memory than it has bytes, nor than its capacity`() {
        var tail = TailBuffer(capacity: 1 << 20)
        #expect(tail.allocatedBytes == 0)
        append([UInt8](repeating: 1, count: 1000), to: &tail)
        #expect(tail.allocatedBytes < 4096)
        for _ in 0..<100 { append([UInt8](repeating: 1, count: 65_536), to: &tail) }
        #expect(tail.count == 1 << 20 && tail.allocatedBytes < (1 << 20) + 4096)
        while tail.count > 0 { _ = tail.removeFirst(65_536) }
        #expect(tail.allocatedBytes == 0)
    }
}
