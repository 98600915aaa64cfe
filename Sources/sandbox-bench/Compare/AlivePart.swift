import Glibc
import LinuxSystem
import SandboxModel
import SandboxWire

/// Many sandboxes at once, each with a program that sleeps: started one after the other, on one connection.
struct AlivePart {
    let context: CompareContext

    private static let sample = 20
    private static let memoryBytes: UInt64 = 64 << 20
    private var count: Int { context.sizes.alive }

    func measure() async throws -> CompareReport {
        let idle = try await idleProcesses()
        let free = try availableMemory()
        var client: PlainClient? = try context.service.plainClient()
        var times: [UInt64] = []
        for channel in 0..<count {
            guard let time = try start(client!, channel: UInt32(channel)) else {
                return CompareReport(missing: ["alive: the service takes \(times.count) runs and no more of \(count)"])
            }
            times.append(time)
        }
        // Whatever is prepared ahead is being replaced.
        try await Task.sleep(for: .seconds(1))
        let taken = Double(free) - Double(try availableMemory())
        let processes = try context.service.processes()
        let pss = processes.reduce(UInt64(0)) { $0 + ((try? MemoryUse(of: $1))?.pss ?? 0) }
        let gone = monotonicNanoseconds()
        client = nil
        // As many as before are left: those that wait for the next requests are others now.
        while try context.service.processes().count > idle, monotonicNanoseconds() - gone < 60_000_000_000 {
            usleep(10_000)
        }
        return report(times, taken: taken, pss: Double(pss), end: Double(monotonicNanoseconds() - gone))
    }

    /// How many the service has when it is done with what it makes ahead, of which there is more for a policy in use.
    private func idleProcesses() async throws -> Int {
        let client = try context.service.plainClient()
        for _ in 0..<Self.sample {
            _ = try client.run(try PlainClient.request(context.service.request(["/bin/true"])))
        }
        var (count, last) = (try context.service.processes().count, -1)
        while count != last {
            try await Task.sleep(for: .seconds(1))
            (count, last) = (try context.service.processes().count, count)
        }
        return count
    }

    /// How long it took until the command's first byte came; `nil`: the service takes no more. (The start alone is told a
    /// few milliseconds late.)
    private func start(_ client: PlainClient, channel: UInt32) throws -> UInt64? {
        var request = context.service.request(["sh", "-c", "echo; exec sleep 1000"])
        request.limits.memoryBytes = Self.memoryBytes
        let bytes = try PlainClient.request(request, channel: channel)
        let start = monotonicNanoseconds()
        try client.send(bytes)
        while true {
            let frame = try client.receive()
            if frame.kind == Frame.Kind.stdout.rawValue { return monotonicNanoseconds() - start }
            guard client.isLast(frame) else { continue }
            if case .error(_, let error) = try client.message(frame), error.code == .overloaded { return nil }
            try client.requireSuccess(frame)
        }
    }

    private func availableMemory() throws -> UInt64 {
        let line = try wholeFile("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        guard let words = line?.split(separator: " "), words.count == 3, let kibibytes = UInt64(words[1]) else {
            throw SystemError("find MemAvailable in", "/proc/meminfo", errno: ENODATA)
        }
        return kibibytes << 10
    }

    private func report(_ times: [UInt64], taken: Double, pss: Double, end: Double) -> CompareReport {
        let first = Distribution(Array(times.prefix(Self.sample)))
        let last = Distribution(Array(times.suffix(Self.sample)))
        func figure(_ kind: FigureKind, _ value: Double) -> Figure {
            Figure(kind, value, key: kind.key.replacing("1000", with: "\(count)"))
        }
        return CompareReport(
            figures: [
                figure(.aliveRatio, Double(last.p50) / Double(first.p50)), figure(.aliveBytes, taken),
                figure(.alivePss, pss), figure(.aliveFirst, Double(first.p50) / 1e6),
                figure(.aliveLast, Double(last.p50) / 1e6), figure(.aliveEnd, end / 1e6),
            ],
            tables: [
                .init(
                    title: "alive: from the request until the first byte of `echo` comes",
                    rows: [
                        .init(name: "the first \(Self.sample)", runs: min(Self.sample, count), times: first),
                        .init(name: "the last \(Self.sample) of \(count)", runs: min(Self.sample, count), times: last),
                    ])
            ])
    }
}
