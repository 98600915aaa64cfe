import ArgumentParser
import Glibc
import LinuxSystem
import SandboxModel
import SandboxWire

/// Bytes into a command that throws them away. Its shell says when it is ready, and when all have been read.
struct InputPart {
    let context: CompareContext

    private static let script = ["sh", "-c", "echo; cat >/dev/null; echo"]

    func measure() throws -> CompareReport {
        let plain = try context.service.plainClient()
        let request = context.service.request(Self.script, stdin: true)
        var rates: (pipe: [Double], ours: [Double]) = ([], [])
        for _ in 0..<context.sizes.streamRuns {
            rates.pipe.append(try throughPipe())
            rates.ours.append(try through(plain, request))
        }
        return CompareReport(figures: [
            Figure(.input, rates.ours.median / rates.pipe.median), Figure(.inputRate, rates.ours.median),
        ])
    }

    private func rate(_ nanoseconds: UInt64) -> Double {
        Double(context.sizes.streamBytes) / (Double(nanoseconds) / 1e9)
    }

    private func throughPipe() throws -> Double {
        let pipe = try PlainPipe(Program("/bin/sh", Array(Self.script.dropFirst())))
        let chunk = [UInt8](repeating: 0x61, count: 128 << 10)
        try pipe.readByte()
        let start = monotonicNanoseconds()
        var rest = context.sizes.streamBytes
        while rest > 0 {
            let count = min(rest, chunk.count)
            try chunk.withUnsafeBytes { try pipe.write(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            rest -= count
        }
        pipe.closeInput()
        try pipe.readByte()
        let time = monotonicNanoseconds() - start
        try pipe.end()
        return rate(time)
    }

    private func through(_ client: PlainClient, _ request: RunRequest) throws -> Double {
        var input = try PlainInput(client, request)
        try input.waitForOutput()
        let start = monotonicNanoseconds()
        try input.send(context.sizes.streamBytes)
        try input.close()
        try input.waitForOutput()
        let time = monotonicNanoseconds() - start
        try input.waitForEnd()
        return rate(time)
    }
}

/// A run that is given input, as its daemon gives credit for it.
struct PlainInput {
    private let client: PlainClient
    private var credit = 0
    /// The largest frame: header, channel and bytes, of which a beginning is sent where credit is short.
    private var frame: [UInt8]
    private static let overhead = Frame.headerBytes + 4
    private static let chunk = 128 << 10

    /// Starts it.
    init(_ client: PlainClient, _ request: RunRequest) throws {
        self.client = client
        frame = Frame.data(.stdin, channel: 1, [UInt8](repeating: 0x61, count: Self.chunk)).encoded
        try client.send(try PlainClient.request(request))
    }

    mutating func send(_ bytes: Int) throws {
        var rest = bytes
        while rest > 0 {
            while credit == 0 { try take(try client.receive()) }
            let count = min(rest, credit, Self.chunk)
            // The length of the payload, big endian.
            for index in 0..<4 { frame[index] = UInt8(truncatingIfNeeded: (count + 4) >> (8 * (3 - index))) }
            try frame.withUnsafeBytes {
                try client.send(UnsafeRawBufferPointer(rebasing: $0[..<(Self.overhead + count)]))
            }
            credit -= count
            rest -= count
        }
    }

    func close() throws { try client.send(Frame.data(.stdin, channel: 1, []).encoded) }

    /// Until the command has written something.
    mutating func waitForOutput() throws {
        while true {
            let frame = try client.receive()
            if frame.kind == Frame.Kind.stdout.rawValue { return }
            try take(frame)
        }
    }

    mutating func waitForEnd() throws {
        while true {
            let frame = try client.receive()
            if client.isLast(frame) { return try client.requireSuccess(frame) }
            try take(frame)
        }
    }

    private mutating func take(_ frame: PlainClient.Received) throws {
        if frame.kind == Frame.Kind.credit.rawValue {
            credit += Int(client.word(at: frame.payload.lowerBound))
        } else if frame.kind == Frame.Kind.control.rawValue {
            switch try client.message(frame) {
            case .accepted(_, _, let window): credit += Int(window)
            case .result(_, let result): throw ValidationError("a run ended early: \(result.outcome)")
            case .error(_, let error): throw error
            default: break
            }
        }
    }
}
