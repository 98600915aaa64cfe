import Glibc
import LinuxSystem
import SandboxModel

/// What a soak is made of.
struct SoakPlan: Sendable {
    var socket: String
    var workspaces: [String]
    var kinds: [SoakKind]
    /// Whether clients go away in the middle.
    var hasDeserters: Bool
}

/// What a soak keeps from one part to the next.
struct SoakState: Sendable {
    var generator: SeededGenerator
    var tally = SoakTally()
    /// Runs that the daemon had accepted, of the connections that stayed.
    var acceptedIds: [String] = []
}

/// Keeps many runs under way from one thread: sends, waits for sockets and moments, counts.
struct SoakLoop {
    /// Connections that stay, and runs on each.
    private static let laneCount = 6
    private static let laneWidth = 4
    /// One request in so many is a client's that goes away.
    private static let desertion = 12
    /// One request in so many is followed by a question about all runs.
    private static let question = 20
    /// A run that has no last word by then has none.
    private static let patience: UInt64 = 60_000_000_000

    private let plan: SoakPlan
    private(set) var state: SoakState
    private var lanes: [SoakLane] = []
    private var deserters: [SoakDeserter] = []
    private let wheel: [SoakKind]

    init(_ plan: SoakPlan, _ state: SoakState) {
        self.plan = plan
        self.state = state
        wheel = plan.kinds.flatMap { Array(repeating: $0, count: $0.weight) }
    }

    /// Runs on a workspace, all alive at once and more than there will ever be again: the launcher keeps one map of
    /// identities for each that it has had.
    mutating func fillSlots() throws {
        let kind = SoakKind("asleep", 1, ["sleep", "1"], workspace: true, ends: [.exited])
        lanes = try (0..<Self.laneCount).map { _ in try SoakLane(socket: plan.socket, width: Self.laneWidth * 2) }
        for lane in lanes {
            while lane.hasRoom { try lane.start(kind, workspace: plan.workspaces[0], using: &state.generator) }
        }
        while !lanes.allSatisfy(\.isEmpty) { try wait() }
        lanes = []
        state.tally = SoakTally()
    }

    /// Sends so many requests and waits for the ends of all; then no connection is open.
    mutating func run(_ count: Int) throws {
        lanes = try (0..<Self.laneCount).map { _ in try SoakLane(socket: plan.socket, width: Self.laneWidth) }
        let end = state.tally.sent + count
        while state.tally.sent < end || !lanes.allSatisfy(\.isEmpty) || !deserters.isEmpty {
            if state.tally.sent < end { try refill(until: end) }
            try wait()
            let now = monotonicNanoseconds()
            deserters.removeAll { $0.leavesAt <= now }
            if let oldest = lanes.compactMap(\.oldestSentAt).min(), oldest + Self.patience < now {
                state.tally.missing += lanes.reduce(0) { $0 + $1.openCount }
                break
            }
        }
        // A second last word would come now.
        for _ in 0..<10 {
            usleep(50_000)
            for lane in lanes { try lane.receive(into: &state.tally, using: &state.generator) }
        }
        state.acceptedIds += lanes.flatMap(\.acceptedIds)
        lanes = []
    }

    private mutating func refill(until end: Int) throws {
        for lane in lanes {
            while lane.hasRoom, state.tally.sent < end {
                if plan.hasDeserters, Int.random(in: 0..<Self.desertion, using: &state.generator) == 0,
                    deserters.count < 4
                {
                    let deserter = try SoakDeserter(socket: plan.socket, using: &state.generator)
                    deserters.append(deserter)
                    state.tally.sent += deserter.runs
                    state.tally.abandoned += deserter.runs
                    continue
                }
                if Int.random(in: 0..<Self.question, using: &state.generator) == 0 { try lane.ask(&state.tally) }
                let kind = wheel[Int.random(in: 0..<wheel.count, using: &state.generator)]
                let workspace = kind.needsWorkspace ? plan.workspaces.randomElement(using: &state.generator) : nil
                try lane.start(kind, workspace: workspace, using: &state.generator)
                state.tally.sent += 1
            }
        }
    }

    /// Until a socket has something or a moment has come, 100 ms at most.
    private mutating func wait() throws {
        var entries = lanes.map { lane in
            pollfd(
                fd: lane.connection.descriptor, events: Int16(POLLIN | (lane.connection.hasUnsent ? POLLOUT : 0)),
                revents: 0)
        }
        let moments = lanes.compactMap(\.nextActAt) + deserters.map(\.leavesAt)
        let now = monotonicNanoseconds()
        let next = moments.min().map { $0 > now ? Int32(min(100, ($0 - now) / 1_000_000)) : 0 } ?? 100
        poll(&entries, UInt(entries.count), next)
        for (lane, entry) in zip(lanes, entries) {
            if entry.revents & Int16(POLLOUT) != 0 { lane.connection.flush() }
            if entry.revents & ~Int16(POLLOUT) != 0 { try lane.receive(into: &state.tally, using: &state.generator) }
            try lane.act(now: monotonicNanoseconds(), using: &state.generator)
        }
    }
}
