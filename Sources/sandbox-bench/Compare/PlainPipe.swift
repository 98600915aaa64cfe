import ArgumentParser
import Glibc
import LinuxSystem

/// A program behind plain pipes: what streaming costs where nobody is in between.
final class PlainPipe {
    /// What the program reads; -1 once closed.
    private(set) var input: Int32
    /// What it writes.
    let output: Int32
    private let pid: pid_t
    private var hasEnded = false

    init(_ program: Program) throws {
        let (reader, writer) = try DescriptorPair.pipe().release()
        let (ours, theirs) = try DescriptorPair.pipe().release()
        (input, output) = (writer, ours)
        defer {
            close(reader)
            close(theirs)
        }
        pid = try program.spawn(Program.Streams(input: reader, output: theirs))
    }

    deinit {
        closeInput()
        close(output)
        if !hasEnded { Program.wait(for: pid) }
    }

    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// Waits for the end, which must be a success.
    func end() throws {
        closeInput()
        hasEnded = true
        let status = Program.wait(for: pid)
        guard status == 0 else { throw ValidationError("a program behind a pipe ended with status \(status)") }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let count = Glibc.write(input, part.baseAddress, part.count)
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                throw SystemError("write to a pipe", errno: errno)
            }
        }
    }

    /// How many bytes came, 0 at the end.
    func read(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let count = Glibc.read(output, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            if errno != EINTR { throw SystemError("read from a pipe", errno: errno) }
        }
    }

    /// One byte, which must come.
    func readByte() throws {
        var byte: UInt8 = 0
        guard try withUnsafeMutableBytes(of: &byte, { try read($0) }) == 1 else {
            throw ValidationError("a program behind a pipe ended early")
        }
    }
}
