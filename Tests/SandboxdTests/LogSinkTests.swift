import Glibc
import LinuxSystem
import Logging
import SandboxEngine
import SandboxTestSupport
import Testing

@testable import sandboxd

/// A log never makes its writer wait, and says what it has lost.
@Suite struct LogSinkTests {
    private static func pipe() -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        precondition(Glibc.pipe(&ends) == 0)
        return (ends[0], ends[1])
    }

    private static func read(_ descriptor: Int32) -> String {
        var text = [UInt8]()
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&state, 1, 0) > 0 {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            text += chunk[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Fills what nobody reads, sees that it does not wait, reads, and sees that the number of lost lines is said.
    private func checkLoss(reading: Int32, writing: Int32) {
        let sink = LineSink(descriptor: writing)
        let start = ContinuousClock.now
        let count = 5000
        for number in 0..<count { sink.write(.info, "line number \(number) " + String(repeating: "x", count: 200)) }
        #expect(ContinuousClock.now - start < .seconds(20), "it did not wait")
        let first = Self.read(reading).split(separator: "\n")
        sink.write(.info, "after")
        let then = Self.read(reading).split(separator: "\n")
        #expect(then.count == 2 && then.last == "sandboxd: info: after")
        // What tells of lost lines is short, and may find room where the next line finds none.
        var lost = 0
        var taken = 0
        for line in first + then.dropLast() {
            if line.hasPrefix("sandboxd: warning: records dropped count=") {
                lost += Int(line.split(separator: "=")[1]) ?? 0
            } else {
                #expect(line.hasPrefix("sandboxd: info: line number \(taken + lost) ") && line.hasSuffix("xxx"))
                taken += 1
            }
        }
        #expect(taken > 0 && lost > 0 && taken + lost == count)
        sink.write(.info, "again")
        #expect(Self.read(reading) == "sandboxd: info: again\n")
        // Somebody else's: it waits for whom it did before.
        #expect(fcntl(writing, F_GETFL) & O_NONBLOCK == 0)
    }

    @Test func aFullPipeDropsLines() {
        let (reading, writing) = Self.pipe()
        defer { for end in [reading, writing] { close(end) } }
        checkLoss(reading: reading, writing: writing)
    }

    @Test func aFullStreamDropsLines() throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        checkLoss(reading: ends[0], writing: ends[1])
    }

    @Test func aPipeThatNobodyReadsEndsNothing() {
        signal(SIGPIPE, SIG_IGN)
        let (reading, writing) = Self.pipe()
        close(reading)
        LineSink(descriptor: writing).write(.info, "to nobody")
        close(writing)
    }

    @Test func aFullJournalDropsRecords() throws {
        let directory = TemporaryDirectory()
        let journal = try FakeJournal(path: "\(directory.path)/journal")
        let sink = try JournalSink(path: journal.path)
        let start = ContinuousClock.now
        let count = 20_000
        for number in 0..<count { sink.write(.info, "m", [(key: "number", value: "\(number)")]) }
        #expect(ContinuousClock.now - start < .seconds(30), "it did not wait")
        let first = try journal.all()
        #expect(!first.isEmpty && first.count < count)
        #expect(first.enumerated().allSatisfy { $1["SANDBOXD_NUMBER"] == "\($0)" })
        sink.write(.notice, "after", [])
        let then = try journal.all()
        try #require(then.count == 2)
        #expect(then[0]["MESSAGE_ID"] == LogRecord.recordsDropped.identifier && then[0]["PRIORITY"] == "4")
        #expect(then[0]["SANDBOXD_COUNT"] == "\(count - first.count)")
        #expect(then[1]["MESSAGE"] == "after" && then[1]["PRIORITY"] == "5")
        sink.write(.info, "again", [])
        #expect(try journal.all().map { $0["MESSAGE"] } == ["again"])
    }

    @Test func aJournalThatIsThereAgainIsFoundAndOneThatIsNotIsStandardError() throws {
        let directory = TemporaryDirectory()
        try directory.write("log", "")
        let file = open("\(directory.path)/log", O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { close(file) }
        var journal: FakeJournal? = try FakeJournal(path: "\(directory.path)/journal")
        let sink = try JournalSink(path: "\(directory.path)/journal", fallback: LineSink(descriptor: file))
        sink.write(.info, "first", [])
        #expect(try journal?.all().count == 1)
        journal = nil
        sink.write(.error, "nobody", [(key: "reason", value: "it has gone")])
        #expect(try directory.read("log") == "sandboxd: error: nobody reason=\"it has gone\"\n")
        let second = try FakeJournal(path: "\(directory.path)/journal")
        sink.write(.info, "second", [])
        #expect(try second.all().map { $0["MESSAGE"] } == ["second"])
        #expect(throws: SystemError.self) { try JournalSink(path: "\(directory.path)/none") }
    }

    @Test func theJournalIsKnownByItsStream() throws {
        let directory = TemporaryDirectory()
        try directory.write("a", "")
        let file = open("\(directory.path)/a", O_WRONLY | O_CLOEXEC)
        defer { close(file) }
        var status = stat()
        try #require(fstat(file, &status) == 0)
        #expect(ServiceLog.isJournal(file, "\(status.st_dev):\(status.st_ino)"))
        for stream in [
            nil, "", ":", "\(status.st_dev):", "\(status.st_dev):\(status.st_ino + 1)",
            "\(status.st_dev + 1):\(status.st_ino)",
            "\(status.st_dev):\(status.st_ino):1", "-1:-1", "x:y",
        ] { #expect(!ServiceLog.isJournal(file, stream), "\(stream ?? "none")") }
        #expect(!ServiceLog.isJournal(-1, "\(status.st_dev):\(status.st_ino)"))
    }
}
