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
        /// Read, and forward nothing of it.
        case discard
    }

    /// Bytes in one read. A pipe holds 64 KiB unless its writer has made it larger.
    static let chunk = 64 << 10
    /// Read where nothing seems to be.
    private static let little = 512
    /// What is smaller is copied, so that a one-byte frame does not keep a whole chunk alive in a queue.
    private static let copied = 16 << 10
    /// Reads in one turn of the loop before others have theirs.
    private static let readsPerTurn = 4
    /// What the pipe of a stream that fills it may hold.
    private static let largePipe: Int32 = 256 << 10
    /// More than the kernel holds for a terminal (TTYB_DEFAULT_MEM_LIMIT is 640 KiB for each direction).
    private static let terminalBytes = 1 << 20

    private let loop: any EventLoop
    private let monitor: ReadinessMonitor
    /// Closes what nobody waits for; `nil`: at once.
    private let afterwards: Afterwards?
    private let token: UInt64
    private(set) var descriptor: Int32
    /// The other end: while this process holds it too, its last writer's end is no news.
    private var writer: Int32 = -1
    private var spare: ByteBuffer?
    private var isWatched = false
    /// The monitor has the descriptor, watched or not any more.
    private var isKnown = false
    private var isScheduled = false
    private var isLarge = false

    /// Some of it could not be read.
    var truncated = false
    /// After `writersAreGone`: how much more can be theirs.
    private var bytesLeft: Int?

    var demand: () -> Demand = { .none }
    /// Bytes with headroom in front of the reader index.
    var onBytes: (ByteBuffer) -> Void = { _ in }
    /// Bytes that nobody demanded, for as long as the call.
    var onDiscard: (UnsafeRawBufferPointer) -> Void = { _ in }
    var onEnd: () -> Void = {}

    /// So many bytes wait in a pipe and are demanded.
    var onOffer: (_ pipe: Int32, _ count: Int) -> OutputOffer = { _, _ in .refused }

    var hasEnded: Bool { descriptor < 0 }
    /// Whether the command has written what nobody has demanded yet.
    var hasUnread: Bool { !hasEnded && DescriptorIO.isReadable(descriptor) }

    init(descriptor: consuming OwnedDescriptor, loop: any EventLoop, monitor: ReadinessMonitor) throws(SystemError) {
        try setNonBlocking(descriptor.number)
        self.loop = loop
        self.monitor = monitor
        afterwards = nil
        self.token = monitor.newToken()
        self.descriptor = descriptor.release()
    }

    /// Of a pipe that does not block.
    ///
    /// - Parameter writer: of the other end; this object's until `writersAreGone`. Nearly always a command's pipes end with the
    ///   run, of which this process hears anyway; with each of them a thread would wake up, and it the loop, on the way to the
    ///   answer.
    init(
        _ reading: consuming OwnedDescriptor, heldBy writer: consuming OwnedDescriptor, loop: any EventLoop,
        monitor: ReadinessMonitor, afterwards: Afterwards
    ) {
        self.loop = loop
        self.monitor = monitor
        self.afterwards = afterwards
        token = monitor.newToken()
        descriptor = reading.release()
        self.writer = writer.release()
    }

    deinit {
        // Wherever that may be: not by way of the loop.
        for descriptor in [descriptor, writer] where descriptor >= 0 { Glibc.close(descriptor) }
    }

    private func letGo() {
        if writer >= 0 { dispose(of: writer) }
        writer = -1
    }

    private func dispose(of descriptor: Int32) {
        guard let afterwards else {
            _ = Glibc.close(descriptor)
            return
        }
        afterwards.add { Glibc.close(descriptor) }
    }

    /// Waits for the first byte without trying to read: the command has just been started.
    func start() { watch() }

    /// All processes of the run are gone: an empty pipe is an ended one, even if somebody outside holds its other end. And
    /// whoever does must not keep the end from coming by writing on: what the run has written is in the pipe by now.
    func writersAreGone() {
        // What is there is read now, and its end would wake up the thread that watches.
        forget()
        letGo()
        guard !hasEnded, bytesLeft == nil else { return }
        bytesLeft = DescriptorIO.bytesInPipe(descriptor) ?? Self.terminalBytes
    }

    private func forget() {
        guard isKnown else { return }
        monitor.forget(descriptor, token: token)
        isKnown = false
        isWatched = false
    }

    /// Reads as long as there are bytes and demand.
    func resume() {
        guard !hasEnded, !isScheduled, !isWatched || bytesLeft != nil else { return }
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
        forget()
        dispose(of: descriptor)
        descriptor = -1
        letGo()
        spare = nil
    }

    /// Returns whether it is worth trying again at once.
    private func readOnce() -> Bool {
        guard !hasEnded else { return false }
        if bytesLeft == 0 {
            end()
            return false
        }
        let amount: Int
        let discards: Bool
        switch demand() {
        case .none: return false
        case .bytes(let bytes):
            let most = min(bytes, bytesLeft ?? .max)
            let waiting = DescriptorIO.bytesInPipe(descriptor)
            if let waiting, let readsOn = offer(waiting, most) { return readsOn }
            // Mostly a pipe is found at its end; what has come meanwhile is read the next time.
            (amount, discards) = (min(most, max(waiting ?? Self.chunk, Self.little), Self.chunk), false)
        case .discard: (amount, discards) = (min(bytesLeft ?? .max, Self.chunk), true)
        }
        var buffer = spare ?? ByteBufferAllocator().buffer(capacity: amount + outputHeadroom)
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
            bytesLeft = bytesLeft.map { $0 - count }
            if discards {
                buffer.withUnsafeReadableBytes { onDiscard($0) }
                spare = hasEnded ? nil : buffer
            } else {
                forward(buffer)
            }
            return true
        case .blocked:
            spare = buffer
            if bytesLeft != nil { end() } else { watch() }
            return false
        case .ended:
            end()
            return false
        }
    }

    /// A writer that is faster than this process should not have to wait for it every 64 KiB.
    private func enlarge() {
        isLarge = true
        DescriptorIO.enlargePipe(descriptor, to: Self.largePipe)
    }

    /// Lets somebody else move what waits in the pipe, where that is worth it. Returns whether to read on; `nil`: it is to be
    /// read here.
    private func offer(_ waiting: Int, _ amount: Int) -> Bool? {
        let count = min(waiting, amount)
        guard count >= Self.copied else { return nil }
        if !isLarge, waiting >= Self.chunk { enlarge() }
        switch onOffer(descriptor, count) {
        case .notNow: return false
        case .moved(let count):
            bytesLeft = bytesLeft.map { $0 - count }
            return true
        case .refused: return nil
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
        isKnown = true
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
