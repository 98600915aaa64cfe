import Glibc
import LinuxSystem
import NIOCore

/// The writing end of a run's standard input, or a terminal's master. Confined to the loop; owns the descriptor.
///
/// What the command does not read yet is kept; the window that the client was given bounds it. A command that closed
/// its input has the rest dropped and credited, so that the client is not left waiting.
final class InputStream {
    /// VEOF of a terminal in its default mode.
    private static let endOfFile: UInt8 = 4
    private static let maximumQueuedBytes = 1 << 20
    private static let largePipe: Int32 = 256 << 10

    private let monitor: ReadinessMonitor
    private let token: UInt64
    /// A terminal's end of file is a character, not a closed descriptor.
    private let isTerminal: Bool
    private var descriptor: Int32
    private var queue = ByteBuffer()
    private var endRequested = false
    private var isWatched = false
    private var isLarge = false

    /// So many bytes are gone from here, written or dropped. End-of-file characters of a terminal are among them, so
    /// whoever counts must not count above the window.
    var onTaken: (Int) -> Void = { _ in }

    init(descriptor: consuming OwnedDescriptor, isTerminal: Bool, monitor: ReadinessMonitor) throws(SystemError) {
        try setNonBlocking(descriptor.number)
        self.monitor = monitor
        self.token = monitor.newToken()
        self.isTerminal = isTerminal
        self.descriptor = descriptor.release()
    }

    deinit {
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    func write(_ bytes: ByteBuffer) {
        guard descriptor >= 0, !endRequested else { return onTaken(bytes.readableBytes) }
        guard queue.readableBytes == 0 else { return keep(bytes) }
        // Mostly the pipe takes all of it, and nothing is copied.
        var rest = bytes
        while rest.readableBytes > 0 {
            switch rest.withUnsafeReadableBytes({ DescriptorIO.write(descriptor, $0) }) {
            case .bytes(let count):
                rest.moveReaderIndex(forwardBy: count)
                onTaken(count)
            case .blocked:
                if enlarge() { continue }
                keep(rest)
                return watch()
            case .ended:
                close()
                return onTaken(rest.readableBytes)
            }
            guard descriptor >= 0 else { return onTaken(rest.readableBytes) }
        }
    }

    /// Moves bytes out of a socket into the pipe, past this process's memory, and says how many. A pipe takes pages of 32 KiB in
    /// the place of such of 4: what it holds is looked at, so that it is `largePipe` and what is written beside, twice that at most.
    func move(from socket: Int32, _ count: Int) -> Int {
        guard descriptor >= 0, !endRequested, !isTerminal, queue.readableBytes == 0 else { return 0 }
        _ = enlarge()
        var moved = 0
        while moved < count, let held = DescriptorIO.bytesInPipe(descriptor) {
            let most = min(count - moved, Int(Self.largePipe) - held)
            guard most > 0, case .bytes(let some) = DescriptorIO.splice(from: socket, to: descriptor, most) else {
                break
            }
            moved += some
        }
        return moved
    }

    private func keep(_ bytes: ByteBuffer) {
        makeRoom()
        queue.writeImmutableBuffer(bytes)
    }

    /// A client that is faster than the command should not have to wait for it every 64 KiB.
    private func enlarge() -> Bool {
        guard !isTerminal, !isLarge else { return false }
        isLarge = true
        return DescriptorIO.enlargePipe(descriptor, to: Self.largePipe)
    }

    /// End of file, after what was written before.
    func end() {
        guard descriptor >= 0, !endRequested else { return }
        if isTerminal {
            // The client's window does not count these; a terminal that nobody reads from gets no more of them.
            guard queue.readableBytes < Self.maximumQueuedBytes else { return }
            queue.writeInteger(Self.endOfFile)
        } else {
            endRequested = true
        }
        flush()
    }

    func close() {
        guard descriptor >= 0 else { return }
        monitor.forget(descriptor, token: token)
        Glibc.close(descriptor)
        descriptor = -1
        let dropped = queue.readableBytes
        queue = ByteBuffer()
        if dropped > 0 { onTaken(dropped) }
    }

    var storedBytes: Int { queue.capacity }

    /// A buffer keeps what was read from it until it is empty, which it never is while the client is faster than the
    /// command. Each byte is moved once at most, as often as it is written.
    private func makeRoom() {
        if queue.readerIndex >= queue.readableBytes { queue.discardReadBytes() }
    }

    private func flush() {
        while queue.readableBytes > 0, descriptor >= 0 {
            let outcome = queue.withUnsafeReadableBytes { DescriptorIO.write(descriptor, $0) }
            switch outcome {
            case .bytes(let count):
                queue.moveReaderIndex(forwardBy: count)
                onTaken(count)
            case .blocked: return watch()
            case .ended: return close()
            }
        }
        queue.clear(minimumCapacity: 0)
        if endRequested { close() }
    }

    private func watch() {
        guard !isWatched else { return }
        isWatched = true
        do throws(SystemError) {
            try monitor.watch(descriptor, writing: true, token: token) { [weak self] in
                self?.isWatched = false
                self?.flush()
            }
        } catch {
            isWatched = false
            close()
        }
    }
}
