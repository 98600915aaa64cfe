import ArgumentParser
import Glibc
import LinuxSystem
import SandboxClient
import SandboxWire

/// `cat` of a file in memory, into this program. From the first byte to the last: what the start took is measured elsewhere.
struct StreamPart {
    let context: CompareContext

    /// Bytes and the time between the first and the last of them.
    private struct Flow {
        var bytes = 0
        private var first = 0
        private var start: UInt64 = 0
        private var end: UInt64 = 0

        mutating func add(_ count: Int) {
            end = monotonicNanoseconds()
            if bytes == 0 { (first, start) = (count, end) }
            bytes += count
        }

        var rate: Double { Double(bytes - first) / (Double(max(1, end - start)) / 1e9) }
    }

    func measure() async throws -> CompareReport {
        let directory = try context.scratch.makeDirectory("stream-\(monotonicNanoseconds())")
        let bytes = context.sizes.streamBytes
        try writeFile("\(directory)/data", bytes)
        let request = context.service.request(["cat", "data"], workspace: directory)
        let client = try await SandboxClient.connect(socket: context.service.socket)
        defer { client.close() }
        let plain = try context.service.plainClient()
        var rates: (pipe: [Double], plain: [Double], client: [Double]) = ([], [], [])
        for _ in 0..<context.sizes.streamRuns {
            let flows = [
                try throughPipe("\(directory)/data"), try through(plain, request), try await through(client, request),
            ]
            guard flows.allSatisfy({ $0.bytes == bytes }) else {
                throw ValidationError("\(flows.map(\.bytes)) of \(bytes) bytes came")
            }
            rates.pipe.append(flows[0].rate)
            rates.plain.append(flows[1].rate)
            rates.client.append(flows[2].rate)
        }
        let pipe = rates.pipe.median
        return CompareReport(figures: [
            Figure(.stream, rates.plain.median / pipe), Figure(.streamClient, rates.client.median / pipe),
            Figure(.streamRate, rates.plain.median),
        ])
    }

    private func throughPipe(_ path: String) throws -> Flow {
        let pipe = try PlainPipe(Program("/bin/cat", [path]))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
        defer { buffer.deallocate() }
        var flow = Flow()
        while true {
            let count = try pipe.read(buffer)
            guard count > 0 else { break }
            flow.add(count)
        }
        try pipe.end()
        return flow
    }

    private func through(_ client: PlainClient, _ request: RunRequest) throws -> Flow {
        var flow = Flow()
        try client.send(try PlainClient.request(request))
        var frame = try client.receive()
        while !client.isLast(frame) {
            if frame.kind == Frame.Kind.stdout.rawValue { flow.add(frame.payload.count) }
            frame = try client.receive()
        }
        try client.requireSuccess(frame)
        return flow
    }

    private func through(_ client: SandboxClient, _ request: RunRequest) async throws -> Flow {
        var flow = Flow()
        for try await event in try await client.start(request).events {
            if case .standardOutput(let bytes) = event { flow.add(bytes.count) }
        }
        return flow
    }

    private func writeFile(_ path: String, _ bytes: Int) throws {
        let file = OwnedDescriptor(
            owning: try system("create", path) { open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644) })
        let chunk = [UInt8](repeating: 0x61, count: 1 << 20)
        var rest = bytes
        while rest > 0 {
            let number = file.number
            rest -= try system("write", path) { write(number, chunk, min(rest, chunk.count)) }
        }
    }
}

extension [Double] {
    /// Of at least one.
    var median: Double { sorted()[count / 2] }
}
