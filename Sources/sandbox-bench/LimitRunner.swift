import ArgumentParser
import Glibc
import LinuxSystem
import SandboxClient

/// What one run of a case came to.
struct LimitSample: Sendable {
    var reason: String
    var limit: UInt64?
    var observed: UInt64?
    var hit: LimitHit?
    /// From the deadline to the answer, in nanoseconds; negative when the answer came before what is taken for the
    /// deadline. `nil`: the deadline was not seen.
    var late: Int64?
}

/// Runs cases, one after the other.
struct LimitRunner {
    private let service: BenchService
    private let client: SandboxClient
    /// Where `kill` comes from.
    private let other: SandboxClient

    init(service: BenchService) async throws {
        self.service = service
        client = try await service.client()
        other = try await service.client()
    }

    func sample(_ item: LimitCase) async throws -> LimitSample {
        if case .closed = item.deadline { return try await sampleClosed(item) }
        guard item.isHeldOutside else { return try await sampleAnswered(item) }
        var held = item
        let directory = try service.directory.makeDirectory("hold-\(monotonicNanoseconds())")
        let holder = try OutputHolder(path: "\(directory)/hold")
        defer { holder.stop() }
        held.request.workspace = directory
        var sample = try await sampleAnswered(held)
        // It ended before it had lent its output.
        if !holder.isHolding { sample.late = nil }
        return sample
    }

    private func sampleAnswered(_ item: LimitCase) async throws -> LimitSample {
        var watch = RunWatch(sentAt: monotonicNanoseconds())
        let run = try await client.start(item.request)
        for try await event in run.events {
            watch.take(event)
            guard watch.saidUp, watch.endedAt == nil else { continue }
            switch item.deadline {
            case .cancel, .cancelNow:
                watch.endedAt = monotonicNanoseconds()
                if case .cancelNow = item.deadline { run.cancel(now: true) } else { run.cancel() }
            case .kill:
                watch.endedAt = monotonicNanoseconds()
                // Its answer is of no interest: the run's is waited for.
                Task { [other] in try? await other.kill(run.id) }
            case .request, .started, .told, .closed: watch.saidUp = false
            }
        }
        guard let result = watch.result else { throw ValidationError("'\(item.name)' ended without a result") }
        return LimitSample(
            reason: result.outcome.reason.rawValue, limit: result.outcome.limit, observed: result.outcome.observed,
            hit: result.limitsHit.first { item.hit == nil || $0.limit == item.hit },
            late: watch.deadline(item.deadline).map { Int64(watch.answeredAt) - Int64($0) })
    }

    /// Nobody is left to get an answer: what can be seen is the daemon's log, which has the end when nothing of the run is
    /// executed any more.
    private func sampleClosed(_ item: LimitCase) async throws -> LimitSample {
        let own = try await service.client()
        var watch = RunWatch(sentAt: monotonicNanoseconds())
        let run = try await own.start(item.request)
        for try await event in run.events {
            watch.take(event)
            if watch.saidUp { break }
        }
        let logged = try service.logBytes()
        let closedAt = monotonicNanoseconds()
        own.close()
        let (reason, at) = try await onThread { [service] in Self.end(of: run.id, in: service, after: logged) }
        guard let reason else { throw ValidationError("the daemon has not logged the end of run \(run.id)") }
        return LimitSample(reason: reason, limit: nil, observed: nil, hit: nil, late: Int64(at) - Int64(closedAt))
    }

    private static func end(of id: String, in service: BenchService, after logged: Int) -> (reason: String?, at: UInt64)
    {
        for _ in 0..<25_000 {
            let now = monotonicNanoseconds()
            let line = (try? service.log(after: logged))?.last { $0.contains(id) && $0.contains(" reason=") }
            let word = line?.split(separator: " ").first { $0.hasPrefix("reason=") }
            if let word { return (String(word.dropFirst("reason=".count)), now) }
            usleep(200)
        }
        return (nil, 0)
    }
}

/// The times of one run, as a client sees them.
private struct RunWatch {
    let sentAt: UInt64
    var startedAt: UInt64?
    /// When the client asked for the end.
    var endedAt: UInt64?
    var answeredAt: UInt64 = 0
    var saidUp = false
    var result: RunResult?
    /// The last bytes of both streams.
    private var tail: [UInt8] = []

    init(sentAt: UInt64) { self.sentAt = sentAt }

    mutating func take(_ event: RunEvent) {
        let now = monotonicNanoseconds()
        switch event {
        case .started: startedAt = now
        case .standardOutput(let bytes), .standardError(let bytes):
            tail = (tail + bytes.suffix(256)).suffix(256)
            if bytes.starts(with: Array("up".utf8)) { saidUp = true }
        case .usage, .omitted: break
        case .result(let result):
            answeredAt = now
            self.result = result
        }
    }

    func deadline(_ deadline: Deadline) -> UInt64? {
        switch deadline {
        case .request: sentAt
        case .started(let milliseconds): startedAt.map { $0 + milliseconds * 1_000_000 }
        case .told(let milliseconds): told.map { $0 + milliseconds * 1_000_000 }
        case .cancel, .cancelNow, .kill, .closed: endedAt
        }
    }

    /// The last `t=` of the output.
    private var told: UInt64? {
        let lines = String(decoding: tail, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        return lines.last { $0.hasPrefix("t=") }.flatMap { UInt64($0.prefix { $0 != "!" }.dropFirst(2)) }
    }
}
