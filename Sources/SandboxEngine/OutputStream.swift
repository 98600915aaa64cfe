import Glibc
import LinuxSystem
import NIOCore

/// Bytes that an `OutputStream` leaves free in front of what it read, so that a frame's header can be put there without
/// copying the bytes.
package let outputHeadroom = 16

/// The reading end of a run's standard output or error, or a terminal's master. Confined to the loop.
///
/// It reads only when somebody takes the bytes, so that a client that does not read fills the command's pipe and
/// nothing else. Owns the descriptor.
final class OutputStream {
    /// What its run says about the next read.
    enum Demand {
        /// So many bytes may be forwarded.
        case bytes(Int)
        /// Nobody takes anything now; `resume` is called when that changes.
        case none
        /// Read and drop.
        case discard
    }

    /// Bytes in one read. A pipe holds 64 KiB unless its writer has made it larger.
    private static let chunk = 64 << 10
    /// What is smaller is copied, so that a one-byte frame does not keep a whole chunk alive in a queue.
    private static let copied = 16 << 10
    /// Reads in one turn of the loop before others have theirs.
    private static let readsPerTurn = 4

    private let loop: any EventLoop
    private let monitor: ReadinessMonitor
    private let token: UInt64
    private(set) var descriptor: Int32
    private var spare: ByteBuffer?
    private var isWatched = false
    private var isScheduled = false

    /// Forwarded bytes.
    var forwarded: UInt64 = 0
    var truncated = false
    /// Whether all processes are gone: an empty pipe is then an ended one, even if somebody outside holds it.
    var writersAreGone = false

    var demand: () -> Demand = { .none }
    /// Bytes with headroom in front of the reader index.
    var onBytes: (ByteBuffer) -> Void = { _ in }
    /// So many bytes were read and dropped.
    var onDiscard: (Int) -> Void = { _ in }
    var onEnd: () -> Void = {}

    var hasEnded: Bool { descriptor < 0 }

    init(descriptor: consuming OwnedDescriptor, loop: any EventLoop, monitor: ReadinessMonitor) throws(SystemError) {
        try setNonBlocking(descriptor.number)
        self.loop = loop
        self.monitor = monitor
        self.token = monitor.newToken()
        self.descriptor = descriptor.release()
    }

    deinit {
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    /// Waits for the first byte without trying to read: the command has just been started.
    func start() { watch() }

    /// Reads as long as there are bytes and demand.
    func resume() {
        guard !hasEnded, !isScheduled, !isWatched || writersAreGone else { return }
        for _ in 0..<Self.readsPerTurn {
            guard readOnce() else { return }
        }
        isScheduled = true
        loop.assumeIsolated().execute { [weak self] in
            self?.isScheduled = false
            self?.resume()
        }
    }

    /// Closes the descriptor without another word.
    func close() {
        guard !hasEnded else { return }
        monitor.forget(descriptor, token: token)
        Glibc.close(descriptor)
        descriptor = -1
        spare = nil
    }

    /// Returns whether it is worth trying again at once.
    private func readOnce() -> Bool {
        guard !hasEnded else { return false }
        let amount: Int
        let discards: Bool
        switch demand() {
        case .none: return false
        case .bytes(let bytes): (amount, discards) = (min(bytes, Self.chunk), false)
        case .discard: (amount, discards) = (Self.chunk, true)
        }
        var buffer = spare ?? ByteBufferAllocator().buffer(capacity: Self.chunk + outputHeadroom)
        spare = nil
        buffer.clear()
        buffer.moveWriterIndex(to: outputHeadroom)
        buffer.moveReaderIndex(to: outputHeadroom)
        var outcome = DescriptorIO.Outcome.ended
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: amount) { pointer in
            outcome = DescriptorIO.read(descriptor, into: .init(rebasing: pointer.prefix(amount)))
            guard case .bytes(let count) = outcome else { return 0 }
            return count
        }
        switch outcome {
        case .bytes(let count):
            if discards {
                spare = buffer
                onDiscard(count)
            } else {
                forward(buffer)
            }
            return true
        case .blocked:
            spare = buffer
            if writersAreGone { end() } else { watch() }
            return false
        case .ended:
            end()
            return false
        }
    }

    private func forward(_ buffer: consuming ByteBuffer) {
        let count = buffer.readableBytes
        guard count < Self.copied else { return onBytes(buffer) }
        var copy = ByteBufferAllocator().buffer(capacity: outputHeadroom + count)
        copy.moveWriterIndex(to: outputHeadroom)
        copy.moveReaderIndex(to: outputHeadroom)
        copy.writeImmutableBuffer(buffer)
        spare = buffer
        onBytes(copy)
    }

    private func end() {
        close()
        onEnd()
    }

    private func watch() {
        guard !isWatched, !hasEnded else { return }
        isWatched = true
        do throws(SystemError) {
            try monitor.watch(descriptor, writing: false, token: token) { [weak self] in
                self?.isWatched = false
                self?.resume()
            }
        } catch {
            // ENOSPC (the user's epoll watches) or ENOMEM: the stream cannot go on, the run can.
            isWatched = false
            truncated = true
            end()
        }
    }
}
