import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import SandboxWire
import Testing

/// Commands that end by themselves at the moment at which somebody ends them: each has one end, and is told once.
@Suite(.needs(.root), .needs(.cgroup), .serialized, .timeLimit(.minutes(10)))
struct ExitRaceTests {
    /// `SANDBOX_RACE_RUNS` sets another number: 10,000 take a minute of debug programs on two cores that have nothing else
    /// to do. `sandbox-bench soak --only racing` does as many as it is told with optimized ones.
    private static let runs =
        getenv("SANDBOX_RACE_RUNS").flatMap { Int(String(cString: $0)) }
        // Each container takes an engine some tenths of a second.
        ?? (Backend.current == .docker ? 60 : 6000)

    @Test func `exit and kill race, and each run has exactly one last word`() async throws {
        let service = try ServiceFixture()
        let traces = try await SandboxTraces(service)
        var race = try Race(service: service, connections: 4, width: 6)
        try race.run(Self.runs)
        #expect(race.lastWords.count == Self.runs)
        let wrong = race.lastWords.filter { $0.value != 1 }
        #expect(wrong.isEmpty, "\(wrong)")
        #expect(race.surprises.isEmpty, "\(race.surprises.prefix(5))")
        // It was a race: both won, often.
        let counts = "\(race.reasons)"
        #expect(race.reasons["exited", default: 0] > Self.runs / 20, "\(counts)")
        #expect(race.reasons["cancelled", default: 0] > Self.runs / 20, "\(counts)")
        #expect(try await eventually { try traces.isIdle() })
        // The daemon's own record says the same.
        let ended = try wholeFile("\(service.directory.path)/log").split(separator: "\n")
            .filter { $0.contains(" ended ") }
        #expect(ended.count == Self.runs)
        #expect(try await service.client().run("echo", "alive").outputText == "alive\n")
    }
}

/// Many runs of `true` from one thread, each with an end that comes from outside at a random moment.
private struct Race {
    private enum Weapon: CaseIterable {
        case cancel, cancelTwice, killById, signal
    }

    private struct Runner {
        var weapon: Weapon
        /// Whether the moment counts from the start of the command, or from the request.
        var fromStart: Bool
        var delay: UInt64
        var strikeAt: UInt64?
        var id: String?
    }

    private final class Lane {
        let client: WireClient
        var open: [UInt32: Runner] = [:]
        init(_ client: WireClient) { self.client = client }
    }

    private let lanes: [Lane]
    private let width: Int
    private var nextChannel: UInt32 = 0
    /// How many results and errors each run got.
    private(set) var lastWords: [UInt32: Int] = [:]
    private(set) var reasons: [String: Int] = [:]
    private(set) var surprises: [String] = []

    /// A channel number is never used again; those above this one are for `kill`.
    private static let firstKill: UInt32 = 1 << 30

    init(service: ServiceFixture, connections: Int, width: Int) throws {
        lanes = try (0..<connections).map { _ in Lane(try WireClient(service)) }
        self.width = width
    }

    mutating func run(_ count: Int) throws {
        let patience = monotonicNanoseconds() + 500_000_000_000
        while nextChannel < UInt32(count) || lanes.contains(where: { !$0.open.isEmpty }) {
            for lane in lanes {
                while lane.open.count < width, nextChannel < UInt32(count) { try start(on: lane) }
            }
            try wait()
            guard monotonicNanoseconds() < patience else {
                surprises.append("\(lanes.reduce(0) { $0 + $1.open.count }) runs have no last word")
                return
            }
        }
        // A second last word would come now.
        for _ in 0..<20 {
            usleep(25_000)
            for lane in lanes { try receive(lane) }
        }
    }

    private mutating func start(on lane: Lane) throws {
        let fromStart = UInt8.random(in: 0..<4) != 0
        let delay = UInt64.random(in: 0..<(fromStart ? 6_000_000 : 30_000_000))
        var runner = Runner(weapon: Weapon.allCases.randomElement()!, fromStart: fromStart, delay: delay)
        if !fromStart { runner.strikeAt = monotonicNanoseconds() + delay }
        lane.open[nextChannel] = runner
        let request = RunRequest(argv: ["true"])
        try lane.client.send(.run(channel: nextChannel, request: request, window: nil))
        nextChannel += 1
    }

    private mutating func wait() throws {
        let moments = lanes.flatMap { $0.open.values.compactMap(\.strikeAt) }
        let now = monotonicNanoseconds()
        let next = moments.min().map { $0 > now ? Int32(min(50, ($0 - now) / 1_000_000)) : 0 } ?? 50
        var entries = lanes.map { pollfd(fd: $0.client.descriptor, events: Int16(POLLIN), revents: 0) }
        poll(&entries, UInt(entries.count), next)
        for lane in lanes {
            try receive(lane)
            for (channel, runner) in lane.open {
                guard let at = runner.strikeAt, at <= monotonicNanoseconds() else { continue }
                lane.open[channel]?.strikeAt = nil
                try strike(lane, channel, runner)
            }
        }
    }

    private func strike(_ lane: Lane, _ channel: UInt32, _ runner: Runner) throws {
        switch runner.weapon {
        case .cancel: try lane.client.send(.cancel(channel: channel, now: false))
        case .cancelTwice:
            try lane.client.send(.cancel(channel: channel, now: false))
            try lane.client.send(.cancel(channel: channel, now: true))
        case .killById:
            guard let id = runner.id else { return }
            try lane.client.send(.kill(channel: Self.firstKill + channel, id: id, now: false))
        case .signal: try lane.client.send(.signal(channel: channel, signal: SIGKILL))
        }
    }

    private mutating func receive(_ lane: Lane) throws {
        for message in try lane.client.receive() {
            switch message {
            case .accepted(let channel, let id, _): lane.open[channel]?.id = id
            case .started(let channel):
                if let runner = lane.open[channel], runner.fromStart {
                    lane.open[channel]?.strikeAt = monotonicNanoseconds() + runner.delay
                }
            case .result(let channel, let result):
                lastWords[channel, default: 0] += 1
                lane.open[channel] = nil
                reasons[result.outcome.reason.rawValue, default: 0] += 1
                let outcome = result.outcome
                let isRight =
                    outcome.reason == .cancelled || outcome.reason == .exited && outcome.code == 0
                    || outcome.reason == .signaled && outcome.signal == SIGKILL
                if !isRight { surprises.append("\(result)") }
            case .error(let channel?, let error):
                // The answer to a kill that came too late.
                if channel >= Self.firstKill, error.code == .unknownRun { continue }
                lastWords[channel, default: 0] += 1
                lane.open[channel] = nil
                surprises.append("\(error)")
            case .killed, .hello: break
            default: surprises.append("\(message)")
            }
        }
    }
}
