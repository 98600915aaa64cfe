import Glibc
import LinuxSystem
import SandboxClient
import SandboxModel
import Synchronization

/// What one side has done while it was kept busy.
struct Load: Sendable {
    /// From the beginning of load, without what the others did in between: when each run ended.
    var endings: [UInt64] = []
    var latencies: [UInt64] = []
    var failures = 0
    /// How long it was busy.
    var nanoseconds: UInt64 = 0
    var firstFailure: String?

    var perSecond: Double { Double(latencies.count) / (Double(nanoseconds) / 1e9) }

    /// The rate at the end of the load by that at its beginning: ten seconds of each, or thirds of a shorter one.
    var lastByFirst: Double {
        let window = min(10_000_000_000, nanoseconds / 3)
        let first = endings.count { $0 < window }
        let last = endings.count { $0 >= nanoseconds - window }
        return first == 0 ? 0 : Double(last) / Double(first)
    }

    mutating func add(_ other: Load) {
        endings += other.endings.map { $0 + nanoseconds }
        latencies += other.latencies
        failures += other.failures
        nanoseconds += other.nanoseconds
        firstFailure = firstFailure ?? other.firstFailure
    }
}

/// A closed loop: as many at once as there may be, each followed by the next, until the time is over; what was begun is
/// waited for.
enum LoadLoop {
    /// Processes, each started and waited for by a thread.
    static func run(_ tool: Tool, inFlight: Int, nanoseconds: UInt64) throws -> Load {
        let start = monotonicNanoseconds()
        let sum = LoadSum(workers: inFlight)
        for _ in 0..<inFlight {
            try Threads.start {
                var load = Load()
                repeat {
                    do { load.latencies.append(try tool.run()) } catch {
                        load.failures += 1
                        load.firstFailure = load.firstFailure ?? "\(error)"
                    }
                    load.endings.append(monotonicNanoseconds() - start)
                } while load.endings.last! < nanoseconds
                sum.add(load)
            }
        }
        var load = sum.wait()
        load.nanoseconds = monotonicNanoseconds() - start
        return load
    }

    /// Runs of a service, all on one connection and by one thread: the client takes as little as it can.
    static func run(
        _ client: PlainClient, _ request: RunRequest, inFlight: Int, nanoseconds: UInt64
    ) throws -> Load {
        let requests = try (0..<inFlight).map { try PlainClient.request(request, channel: UInt32($0)) }
        var sentAt = [UInt64](repeating: 0, count: inFlight)
        var load = Load()
        let start = monotonicNanoseconds()
        for channel in 0..<inFlight {
            sentAt[channel] = monotonicNanoseconds()
            try client.send(requests[channel])
        }
        var open = inFlight
        while open > 0 {
            let frame = try client.receive()
            guard client.isLast(frame) else { continue }
            let now = monotonicNanoseconds()
            let channel = try client.channel(ofLast: frame)
            load.endings.append(now - start)
            if let failure = client.failure(ofLast: frame) {
                load.failures += 1
                load.firstFailure = load.firstFailure ?? failure
            } else {
                load.latencies.append(now - sentAt[channel])
            }
            if now - start < nanoseconds {
                sentAt[channel] = monotonicNanoseconds()
                try client.send(requests[channel])
            } else {
                open -= 1
            }
        }
        load.nanoseconds = monotonicNanoseconds() - start
        return load
    }
}

/// What the workers have done, once all have.
private final class LoadSum: Sendable {
    private let state: Mutex<(load: Load, open: Int)>

    init(workers: Int) { state = Mutex((Load(), workers)) }

    func add(_ load: Load) {
        state.withLock {
            $0.load.add(load)
            $0.open -= 1
        }
    }

    func wait() -> Load {
        while state.withLock({ $0.open }) > 0 { usleep(200) }
        return state.withLock { $0.load }
    }
}
