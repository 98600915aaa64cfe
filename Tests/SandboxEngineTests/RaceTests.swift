import Glibc
import SandboxModel
import SandboxWire
import Testing

@testable import SandboxEngine

/// Ten thousand runs that are started, end, fail, are killed, cancelled and left at the same time, in any order.
@Suite struct RaceTests {
    private static let connections = 10
    private static let rounds = 25
    private static let channels: UInt32 = 40

    /// What a client has heard of its runs: messages by channel, runs by id.
    private struct Heard {
        var accepted: Set<String> = []
        var ends: [UInt32: Int] = [:]
        var reasons: Set<Outcome.Reason> = []
        var failures = 0

        mutating func take(_ message: ServerMessage) -> String? {
            switch message {
            case .accepted(_, let id, _): accepted.insert(id)
            case .result(let channel, let result):
                reasons.insert(result.outcome.reason)
                return count(channel)
            // Too many questions: an end of a question, not of a run.
            case .error(let channel?, let error) where channel > 1000 && error.code == .overloaded: return nil
            case .error(let channel?, let error) where error.code != .unknownRun:
                failures += 1
                return count(channel)
            case .error(nil, let error): return "the connection failed: \(error)"
            default: break
            }
            return nil
        }

        private mutating func count(_ channel: UInt32) -> String? {
            ends[channel, default: 0] += 1
            return ends[channel] == 1 ? nil : "a second end on channel \(channel)"
        }
    }

    /// Runs on every channel at once, and what is done to each. Returns whether all have ended, once each.
    private func round(
        _ client: RawClient, _ chance: inout Seeded, _ heard: inout Heard, leaves: Bool
    ) throws -> Bool {
        heard.ends = [:]
        for channel in 1...Self.channels {
            let request = RunRequest(argv: ["race", "\(chance.next() >> 1)"])
            try client.send(.run(channel: channel, request: request, window: nil))
            // Of another run, perhaps: of one that has started, of one that has ended.
            let other = UInt32.random(in: 1...channel, using: &chance)
            switch Int.random(in: 0..<8, using: &chance) {
            case 0, 1: try client.send(.cancel(channel: other, now: false))
            case 2: try client.send(.cancel(channel: other, now: true))
            case 3: for _ in 0..<2 { try client.send(.cancel(channel: other, now: false)) }
            case 4:
                guard let id = heard.accepted.randomElement(using: &chance) else { continue }
                try client.send(.kill(channel: 1000 + channel, id: id, now: Bool.random(using: &chance)))
            case 5: try client.send(.list(channel: 2000 + channel, usage: true))
            default: break
            }
        }
        var left = leaves ? Int.random(in: 0..<Int(Self.channels), using: &chance) : .max
        while heard.ends.count < Self.channels, left > 0, let frame = try client.frame() {
            guard frame.kind == .control else { continue }
            if let problem = heard.take(try ControlCoding.decode(ServerMessage.self, from: frame.payload)) {
                Issue.record("\(problem)")
                return false
            }
            left -= 1
        }
        return heard.ends.count == Self.channels
    }

    @Test func `every run of ten thousand has exactly one end`() throws {
        let records = LogRecords()
        let fixture = try ServerFixture(records: records)
        var chance = Seeded(state: 4)
        var reasons: Set<Outcome.Reason> = []
        var failures = 0
        for connection in 0..<Self.connections {
            let client = try fixture.connect()
            var heard = Heard()
            for round in 0..<Self.rounds {
                // The last round of every other connection is left in the middle.
                let leaves = connection % 2 == 1 && round == Self.rounds - 1
                let isComplete = try self.round(client, &chance, &heard, leaves: leaves)
                #expect(isComplete || leaves)
                guard isComplete || leaves else { return }
            }
            reasons.formUnion(heard.reasons)
            failures += heard.failures
        }
        #expect(reasons.isSuperset(of: [.exited, .cancelled, .memoryLimit]) && failures > 0)
        let idle = try fixture.eventually { try fixture.runCount() == 0 }
        #expect(idle)
        // Also of those whose client had gone: one end each.
        let ended = records.all.filter { $0.hasPrefix("info run ended ") }
            .compactMap { line in line.split(separator: " ").first { $0.hasPrefix("run=") } }
        let all = Self.connections * Self.rounds * Int(Self.channels)
        #expect(Set(ended).count == ended.count)
        // Of those that did not start not all have a record: a user's refusals must not fill the log.
        #expect(ended.count <= all && ended.count > all - failures - Self.connections * Int(Self.channels))
        #expect(all == 10_000)
    }
}
