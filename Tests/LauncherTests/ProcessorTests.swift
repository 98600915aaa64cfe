import Glibc
import LinuxSystem
import SandboxTestSupport
import Testing

/// Who is put on which processor, and that it is nobody's for longer than meant.
@Suite(.serialized)
struct ProcessorTests {
    /// - Parameter pid: `nil` for this thread.
    private static func allowed(_ pid: Int32? = nil) throws -> String {
        let lines = try wholeFile("/proc/\(pid.map(String.init) ?? "thread-self")/status").split(separator: "\n")
        return String(try #require(lines.first { $0.hasPrefix("Cpus_allowed_list:") }).dropFirst(18))
    }

    private static var mayMove: Bool { get throws { try !allowed().allSatisfy { $0.isNumber || $0 == "\t" } } }

    @Test func `a thread that leaves its processor is on another one, and may come back`() throws {
        let before = try Self.allowed()
        var hasMoved = false
        for _ in 1...20 {
            let here = Processor.current
            Processor.leave(here)
            if Processor.current != here { hasMoved = true }
            #expect(try Self.allowed() == before)
        }
        #expect(try hasMoved == Self.mayMove)
        // Of one where it is not.
        let here = Processor.current
        Processor.leave(here + 1)
        #expect(try Self.allowed() == before)
    }

    @Test func `a process that is sent away may run where it might`() throws {
        let child = try SleepingChild()
        defer { child.end() }
        let before = try Self.allowed(child.pid)
        for _ in 1...5 { Processor.sendAway(child.pid) }
        #expect(try Self.allowed(child.pid) == before)
        // Nothing depends on it: nobody of that number is told of nobody.
        Processor.sendAway(-1)
    }

    @Test func `who is given a processor stays on it`() throws {
        let child = try SleepingChild()
        defer { child.end() }
        let own = try Self.allowed()
        Processor.leave(to: child.pid)
        #expect(try Self.allowed(child.pid).dropFirst().allSatisfy(\.isNumber))
        #expect(try Self.allowed() == own)
    }
}
