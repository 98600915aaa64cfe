import Glibc
import LaunchPlan
import Testing

/// The protocol between the launcher and sandbox-docker.
extension PlanTests {
    private static let id = String(repeating: "0f", count: 32)

    private static var policy: CompiledPolicy {
        var policy = CompiledPolicy.testing()
        policy.container = ContainerPlan(
            image: "registry:5000/tools@sha256:\(id)", pull: .missing, user: .init(uid: 4321, gid: 1234),
            network: "own", ahead: 64)
        return policy
    }

    private static let commands: [ContainerCommand] = [
        .settings(ContainerSettings(engine: "", initPath: "", owner: "", deadOwners: [], living: [])),
        .settings(
            ContainerSettings(
                engine: "/run/docker.sock", initPath: "/usr/libexec/sandboxd/sandbox-init", owner: "block-1023",
                deadOwners: (0..<1023).map { "block-\($0)" },
                living: (0..<4096).map { .init(order: .max - $0, container: id) })),
        .policy(
            ContainerSpecification(number: .max, policy: policy, profile: String(repeating: "x", count: 128 << 10))),
        .policy(ContainerSpecification(number: 1, policy: .testing(), profile: "")),
        .forget(policy: 7),
        .make(ContainerOrder(number: 1, policy: 2, user: .init(uid: 1, gid: .max - 1), socket: "/run/s")),
        .make(
            ContainerOrder(
                number: .max, policy: .max, user: .init(uid: 0x7001_0001, gid: 3),
                socket: String(repeating: "s", count: 256),
                run: String(repeating: "r", count: 64), tenant: .max)),
        .name(order: 9, name: "20260101-\u{e9}"), .remove(order: .max),
    ]

    private static let events: [ContainerEvent] = [
        .started(order: 1, container: id, environment: []),
        .started(order: .max, container: id, environment: ["PATH=/bin", "", "A=\u{1f642}"]),
        .failed(order: 2, failure: LaunchFailure(.containerImage, errno: ENOENT, "tools:1")),
        .failed(
            order: 2,
            failure: LaunchFailure(
                .containerStart, errno: EIO, "\u{20ac}", retryAfterMilliseconds: LaunchFailure.longestRetryAfter)),
        .removed(order: 3), .note(""), .note("removing container"),
    ]

    /// Root's launcher reckons with it in nanoseconds, and would end at a number that does not fit.
    @Test(arguments: [LaunchFailure.longestRetryAfter + 1, .max])
    func `no longer than a day is anybody told to come again`(_ milliseconds: UInt64) {
        let failure = LaunchFailure(.containerImage, errno: EIO, "a", retryAfterMilliseconds: milliseconds)
        #expect(throws: PlanError.badValue("retry after")) {
            try ContainerEvent(decoding: ContainerEvent.failed(order: 1, failure: failure).encoded)
        }
    }

    @Test(arguments: commands) func `a command to sandbox-docker reads back as it was sent`(_ command: ContainerCommand)
        throws
    {
        let bytes = command.encoded
        #expect(bytes.count <= ContainerCommand.maximumBytes)
        #expect(try ContainerCommand(decoding: bytes) == command)
        #expect(throws: PlanError.trailingBytes(1)) { try ContainerCommand(decoding: bytes + [0]) }
        // Of the largest, not every byte.
        for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 997)) {
            #expect(throws: PlanError.truncated) { try ContainerCommand(decoding: Array(bytes.prefix(length))) }
        }
    }

    @Test(arguments: events) func `an event of sandbox-docker reads back as it was sent`(_ event: ContainerEvent) throws
    {
        let bytes = event.encoded
        #expect(bytes.count <= ContainerEvent.maximumBytes)
        #expect(try ContainerEvent(decoding: bytes) == event)
        #expect(throws: PlanError.trailingBytes(1)) { try ContainerEvent(decoding: bytes + [0]) }
        for length in 0..<bytes.count {
            #expect(throws: PlanError.truncated) { try ContainerEvent(decoding: Array(bytes.prefix(length))) }
        }
    }

    @Test func `a long note is cut at a character's end`() throws {
        for lead in ["", "a", "ab", "abc"] {
            let text = lead + String(repeating: "\u{1f642}", count: 5000)
            guard case .note(let read) = try ContainerEvent(decoding: ContainerEvent.note(text).encoded) else {
                return #expect(Bool(false))
            }
            #expect(text.hasPrefix(read) && read.utf8.count > 1020)
        }
    }

    @Test(
        arguments: [
            (.started(order: 1, container: String(repeating: "a", count: 65), environment: []), .tooLarge("container")),
            (.started(order: 1, container: "a\0", environment: []), .nulByte("container")),
            (
                .started(order: 1, container: id, environment: [String](repeating: "", count: 257)),
                .tooLarge("environment")
            ),
            (
                .started(order: 1, container: id, environment: [String(repeating: "x", count: 65537)]),
                .tooLarge("environment")
            ),
            (.started(order: 1, container: id, environment: ["A=\0"]), .nulByte("environment")),
            (
                .started(
                    order: 1, container: id,
                    environment: [String](repeating: String(repeating: "x", count: 60000), count: 2)),
                .tooLarge("message")
            ),
            (.note("a\0"), .nulByte("note")),
        ] as [(ContainerEvent, PlanError)])
    func `an event that the launcher would not take is none`(_ event: ContainerEvent, _ error: PlanError) {
        #expect(throws: error) { try ContainerEvent(decoding: event.encoded) }
    }

    private static func order(uid: UInt32 = 1, gid: UInt32 = 1, socket: String = "/s", run: String = "")
        -> ContainerCommand
    {
        .make(ContainerOrder(number: 1, policy: 1, user: .init(uid: uid, gid: gid), socket: socket, run: run))
    }

    private static func user(_ uid: UInt32, _ gid: UInt32) -> ContainerCommand {
        var policy = policy
        policy.container?.user = .init(uid: uid, gid: gid)
        return .policy(ContainerSpecification(number: 1, policy: policy, profile: ""))
    }

    @Test(
        arguments: [
            (order(uid: 0), .badValue("user")), (order(gid: 0), .badValue("user")),
            (order(uid: .max), .badValue("user")),
            (order(gid: .max), .badValue("user")), (user(0, 1), .badValue("user")), (user(1, 0), .badValue("user")),
            (order(socket: String(repeating: "s", count: 257)), .tooLarge("socket")),
            (order(socket: "/s\0"), .nulByte("socket")),
            (order(run: String(repeating: "r", count: 65)), .tooLarge("run")),
            (.name(order: 1, name: String(repeating: "n", count: 257)), .tooLarge("name")),
            (
                .policy(
                    ContainerSpecification(
                        number: 1, policy: policy, profile: String(repeating: "x", count: 128 << 10 + 1))),
                .tooLarge("profile")
            ),
            (
                .settings(
                    ContainerSettings(
                        engine: "", initPath: "", owner: "", deadOwners: [],
                        living: (0..<4097).map { .init(order: $0, container: "") })),
                .tooLarge("living")
            ),
        ] as [(ContainerCommand, PlanError)])
    func `a command that sandbox-docker would not take is none`(_ command: ContainerCommand, _ error: PlanError) {
        #expect(throws: error) { try ContainerCommand(decoding: command.encoded) }
    }

    @Test func `numbers of no message and of no event are none`() {
        for number in [0, 7, 8, 255] as [UInt8] {
            #expect(throws: PlanError.unknownMessage(number)) { try ContainerCommand(decoding: [number]) }
        }
        for number in [0, 5, 255] as [UInt8] {
            #expect(throws: PlanError.unknownMessage(number)) { try ContainerEvent(decoding: [number]) }
        }
    }

    /// Counts that promise more than there is take no memory.
    @Test func `bytes that nobody has written are refused in no time`() {
        var generator = Xorshift(state: 0x9E37_79B9_7F4A_7C15)
        let seeds = Self.commands.map(\.encoded) + Self.events.map(\.encoded)
        for round in 0..<4000 {
            var bytes = Array(seeds[round % seeds.count].prefix(4096))
            for _ in 0..<1 + Int(generator.next() % 8) where !bytes.isEmpty {
                bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next() >> 32)
            }
            if let command = try? ContainerCommand(decoding: bytes) {
                #expect((try? ContainerCommand(decoding: command.encoded)) == command)
            }
            if let event = try? ContainerEvent(decoding: bytes) {
                #expect((try? ContainerEvent(decoding: event.encoded)) == event)
            }
        }
    }

    private struct Xorshift {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }
}
