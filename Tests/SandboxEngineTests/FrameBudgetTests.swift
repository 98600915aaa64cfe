import NIOCore
import NIOEmbedded
import SandboxModel
import SandboxWire
import Testing

@testable import SandboxEngine
@testable import SandboxServer

/// A user that sends more than its share waits, and nobody else; nothing is lost.
@Suite struct FrameBudgetTests {
    private static let limits: FrameBudget.Limits = {
        var limits = FrameBudget.Limits()
        limits.burst = 200 << 10
        limits.perSecond = 100 << 10
        return limits
    }()

    /// Frames as they come out, and how often the socket is looked at.
    private final class Connection {
        private final class Reads: ChannelOutboundHandler {
            typealias OutboundIn = ByteBuffer
            var count = 0
            func read(context: ChannelHandlerContext) {
                count += 1
                context.read()
            }
        }

        private final class Frames: ChannelInboundHandler {
            typealias InboundIn = InboundFrame
            var payloads: [String] = []
            var timedOut = false
            func channelRead(context: ChannelHandlerContext, data: NIOAny) {
                payloads.append(String(buffer: unwrapInboundIn(data).payload))
            }
            func errorCaught(context: ChannelHandlerContext, error: any Error) {
                timedOut = error is FrameHandler.PartialFrameTimeout
            }
        }

        let channel: EmbeddedChannel
        private let reads = Reads()
        private let frames = Frames()
        var payloads: [String] { frames.payloads }
        var timedOut: Bool { frames.timedOut }
        var looks: Int { reads.count }

        init(_ loop: EmbeddedEventLoop, _ budget: FrameBudget, uid: UInt32) throws {
            let handler = FrameHandler()
            channel = EmbeddedChannel(loop: loop)
            try channel.pipeline.syncOperations.addHandlers([reads, handler, frames] as [any ChannelHandler])
            handler.charge(budget, to: uid)
        }

        func receive(_ texts: [String]) throws {
            let bytes = texts.flatMap { Frame(kind: .control, payload: Array($0.utf8)).encoded }
            try channel.writeInbound(ByteBuffer(bytes: bytes))
            channel.read()
        }
    }

    private let loop = EmbeddedEventLoop()
    private let budget: FrameBudget

    init() { budget = FrameBudget(loop: loop, limits: Self.limits, clock: { 0 }) }

    private func connection(_ uid: UInt32 = 1) throws -> Connection { try Connection(loop, budget, uid: uid) }

    private func large(_ number: Int) -> String { "\(number)" + String(repeating: " ", count: 100 << 10) }

    @Test func aQuietUserNeverWaits() throws {
        let quiet = try connection()
        for number in 0..<100 {
            try quiet.receive(["\(number)"])
            #expect(quiet.payloads.last == "\(number)" && quiet.looks == number + 1)
            loop.advanceTime(by: .milliseconds(10))
        }
    }

    @Test func aFloodIsHeldBackAndAllOfItComes() throws {
        let flood = try connection()
        let sent = (0..<12).map(large)
        try flood.receive(sent)
        // The burst, and the one that exceeds it.
        #expect(flood.payloads == Array(sent.prefix(2)) || flood.payloads == Array(sent.prefix(3)))
        #expect(flood.looks == 0, "the socket is looked at while its user is over the budget")
        for second in 1...12 {
            loop.advanceTime(by: .seconds(1))
            // No more than was paid for, in order.
            #expect(flood.payloads.count <= 3 + second && flood.payloads == Array(sent.prefix(flood.payloads.count)))
        }
        #expect(flood.payloads == sent && flood.looks == 1)
        try flood.receive(["next"])
        #expect(flood.payloads.last == "next" && flood.looks == 2)
    }

    @Test func othersDoNotWait() throws {
        let (flood, other) = (try connection(1), try connection(2))
        try flood.receive((0..<12).map(large))
        try other.receive(["a", "b"])
        #expect(other.payloads == ["a", "b"] && other.looks == 1)
    }

    @Test func oneUsersConnectionsTakeTurns() throws {
        let (flood, small) = (try connection(), try connection())
        let sent = (0..<40).map(large)
        try flood.receive(sent)
        try small.receive(["a"])
        #expect(small.payloads.isEmpty, "it overtakes those that wait")
        loop.advanceTime(by: .seconds(4))
        #expect(small.payloads == ["a"] && flood.payloads.count < 12)
    }

    @Test func manySmallFramesAreAsDear() throws {
        let flood = try connection()
        try flood.receive(Array(repeating: "{}", count: 10_000))
        #expect(flood.payloads.count < 1000)
        loop.advanceTime(by: .seconds(60))
        #expect(flood.payloads.count == 10_000)
    }

    @Test func whatTakesTimeIsDearToo() throws {
        var time: UInt64 = 0
        let slow = FrameBudget(loop: loop, limits: Self.limits) {
            time += 100_000_000
            return time
        }
        let flood = try Connection(loop, slow, uid: 1)
        try flood.receive(["a", "b", "c"])
        #expect(flood.payloads == ["a"])
    }

    /// Half a frame is left while its sender cannot be read from: that is not its silence.
    @Test func waitingIsNoSilence() throws {
        let flood = try connection()
        let sent = (0..<60).map(large)
        try flood.receive(sent)
        let last = Frame(kind: .control, payload: Array(large(60).utf8)).encoded
        try flood.channel.writeInbound(ByteBuffer(bytes: last.prefix(1000)))
        loop.advanceTime(by: .seconds(70))
        #expect(flood.payloads == sent && !flood.timedOut)
        try flood.channel.writeInbound(ByteBuffer(bytes: last.dropFirst(1000)))
        #expect(flood.payloads.count == 61)
    }

    @Test func whoLeavesLosesItsPlace() throws {
        let (flood, next) = (try connection(), try connection())
        try flood.receive((0..<12).map(large))
        try next.receive(["a"])
        flood.channel.pipeline.fireChannelInactive()
        let seen = flood.payloads.count
        loop.advanceTime(by: .seconds(2))
        #expect(next.payloads == ["a"] && flood.payloads.count == seen)
        // What it used is not forgotten with it.
        let again = try connection()
        try again.receive((0..<12).map(large))
        #expect(again.payloads.count < 3)
    }

    @Test func everyAnswerComesFromTheServerToo() throws {
        var limits = FrameBudget.Limits()
        limits.burst = 16 << 10
        limits.perSecond = 2 << 20
        let server = try ServerFixture(budget: limits)
        let (flood, other) = (try server.connect(), try server.connect())
        for channel in 0..<300 as Range<UInt32> {
            try flood.send(.run(channel: channel, request: RunRequest(argv: []), window: nil))
        }
        #expect(try other.run(RunRequest(argv: ["true"])).result?.outcome.reason == .exited)
        for channel in 0..<300 as Range<UInt32> {
            guard case .error(channel, _)? = try flood.message() else { throw Silence() }
        }
    }
}

@Suite struct UserQuotaTests {
    @Test func whatIsOwedIsPaidFirst() {
        var quota = UserQuota(burst: 10, interval: 5)
        #expect(quota.delay(1, at: 100) == 0)
        quota.charge(1, at: 100, cost: 10)
        #expect(quota.delay(1, at: 100) == 0 && quota.delay(1, at: 100, room: 2) == 10)
        quota.charge(1, at: 100, cost: 30)
        #expect(quota.delay(1, at: 100) == 150 && quota.delay(1, at: 200) == 50 && quota.delay(1, at: 250) == 0)
        #expect(quota.delay(1, at: 100, room: 100) == 200, "more room than the burst is the burst")
        #expect(quota.delay(2, at: 100, room: 10) == 0)
    }
}
