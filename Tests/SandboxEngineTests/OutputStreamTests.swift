import Glibc
import LinuxSystem
import NIOCore
import NIOPosix
import Testing

@testable import SandboxEngine

/// The end of a stream whose other end somebody outside the sandbox holds.
@Suite struct OutputStreamTests {
    /// A pipe that somebody holds who writes more each time that something is read, and never closes it.
    private final class Held {
        let stream: OutputStream
        let monitor: ReadinessMonitor
        let writing: Int32
        var read = 0
        var rounds = 0

        init(_ inPipe: Int, isDiscarded: Bool, on loop: any EventLoop) throws {
            monitor = try ReadinessMonitor(loop: loop)
            let (reading, writing) = try DescriptorPair.pipe().release()
            self.writing = writing
            try setNonBlocking(writing)
            stream = try OutputStream(descriptor: OwnedDescriptor(owning: reading), loop: loop, monitor: monitor)
            var left = inPipe
            while left > 0 { left -= write(left) }
            stream.demand = { [unowned self] in isDiscarded ? .discard : .bytes(rounds == 0 ? 10 : .max) }
            stream.onBytes = { [unowned self] in took($0.readableBytes) }
            stream.onDiscard = { [unowned self] in took($0.count) }
        }

        private func write(_ most: Int) -> Int {
            let bytes = [UInt8](repeating: 1, count: 4096)
            return Glibc.write(writing, bytes, min(most, bytes.count))
        }

        private func took(_ count: Int) {
            read += count
            rounds += 1
            // Bounded, so that a stream which does not end fails here and goes away.
            if rounds < 1000 { _ = write(4096) }
        }

        func end() {
            stream.close()
            monitor.stop()
            close(writing)
        }
    }

    @Test(arguments: [0, 100, 65_536], [true, false])
    func `after the end only what was in the pipe is read`(_ inPipe: Int, _ isDiscarded: Bool) throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        let loop = group.next()
        let held = try loop.submit {
            let held = try Held(inPipe, isDiscarded: isDiscarded, on: loop)
            held.stream.writersAreGone()
            held.stream.resume()
            return NIOLoopBound(held, eventLoop: loop)
        }.wait()
        var state = (hasEnded: false, rounds: 0, read: 0)
        while !state.hasEnded, state.rounds < 1000 {
            state = try loop.submit { (held.value.stream.hasEnded, held.value.rounds, held.value.read) }.wait()
        }
        try loop.submit { held.value.end() }.wait()
        #expect(state.hasEnded && state.rounds < 1000 && state.read == inPipe, "\(state)")
    }

    @Test func `a closed pipe ends by itself, and one that lives does not`() throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        let loop = group.next()
        let ends = try loop.submit { () throws -> [Bool] in
            let monitor = try ReadinessMonitor(loop: loop)
            defer { monitor.stop() }
            let (reading, writing) = try DescriptorPair.pipe().release()
            let stream = try OutputStream(
                descriptor: OwnedDescriptor(owning: reading), loop: loop, monitor: monitor)
            stream.demand = { .bytes(.max) }
            stream.resume()
            let before = stream.hasEnded
            stream.close()
            close(writing)
            let (other, closed) = try DescriptorPair.pipe().release()
            let second = try OutputStream(descriptor: OwnedDescriptor(owning: other), loop: loop, monitor: monitor)
            close(closed)
            second.demand = { .bytes(.max) }
            second.resume()
            return [before, second.hasEnded]
        }.wait()
        #expect(ends == [false, true])
    }
}
