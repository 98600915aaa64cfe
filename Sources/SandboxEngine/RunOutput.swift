import NIOCore
import SandboxModel

extension OutputKeep {
    /// Bytes that a run with this may come to hold. Of a request that was checked.
    var tailBytes: Int { Int(stdout?.tailBytes ?? 0) + Int(stderr?.tailBytes ?? 0) }
}

/// Something of each of the two outputs.
private struct OfBoth<Value> {
    var stdout: Value
    var stderr: Value

    subscript(_ kind: OutputKind) -> Value {
        _read {
            switch kind {
            case .stdout: yield stdout
            case .stderr: yield stderr
            }
        }
        _modify {
            switch kind {
            case .stdout: yield &stdout
            case .stderr: yield &stderr
            }
        }
    }
}

/// The output side of a run: its streams, what of them is carried to the client, and the client's credit. Confined to the
/// loop.
///
/// Of a stream that is carried whole, nothing is read that nobody takes. Of one that is not (`OutputKeep`), what follows
/// the head is read whether or not the client reads: it is counted, its last bytes are kept, the rest is dropped. So all
/// that lies here is a tail for each stream, and the run goes on.
final class RunOutput {
    private let stdout: OutputStream?
    private let stderr: OutputStream?
    private var ledger: OutputLedger
    private var tails: OfBoth<TailBuffer>
    /// Whether a stream's last byte has been handed over.
    private var done = OfBoth(stdout: false, stderr: false)
    private var omissionIsTold = OfBoth(stdout: false, stderr: false)
    /// Output bytes that the client is ready for; `nil` when its connection's flow control is all there is.
    private var credit: UInt64?
    private var isAbandoned = false
    private var errorsComeFirst = true

    /// Whether the command has been announced and the owner can take output now.
    var takesOutput: () -> Bool = { false }
    /// Whether anything may be read at all: the client hears of the start before it gets output.
    var isOpen: () -> Bool = { false }
    /// Bytes with `outputHeadroom` in front of them, for the client.
    var onBytes: (OutputKind, ByteBuffer) -> Void = { _, _ in }
    /// For the client, out of a pipe.
    var onOffer: (OutputKind, _ pipe: Int32, _ count: Int) -> OutputOffer = { _, _, _ in .refused }
    /// So many bytes are missing here.
    var onOmission: (OutputKind, UInt64) -> Void = { _, _ in }
    /// The command wrote something, carried or not.
    var onActivity: () -> Void = {}
    var onExcess: (RunMachine.OutputLimit, _ observed: UInt64) -> Void = { _, _ in }
    /// Called when a stream's last byte has been handed over, and `isDone` may have become true.
    var onDone: () -> Void = {}

    init(_ streams: RunStreams, limits: Limits, keep: OutputKeep?, window: UInt32?) {
        stdout = streams.stdout
        stderr = streams.stderr
        credit = window.map(UInt64.init)
        ledger = OutputLedger(limits: limits, keep: keep)
        tails = OfBoth(
            stdout: TailBuffer(capacity: ledger.stdout.tailBytes),
            stderr: TailBuffer(capacity: ledger.stderr.tailBytes))
        for (kind, stream) in [(OutputKind.stdout, stdout), (.stderr, stderr)] {
            guard let stream else {
                done[kind] = true
                continue
            }
            stream.demand = { [weak self] in self?.demand(kind) ?? .none }
            stream.onBytes = { [weak self] bytes in self?.forward(kind, bytes) }
            stream.onOffer = { [weak self] pipe, count in self?.offer(kind, pipe, count) ?? .refused }
            stream.onDiscard = { [weak self] bytes in self?.keep(kind, bytes) }
            stream.onEnd = { [weak self] in self?.sendTail(kind) }
        }
    }

    var isDone: Bool { done.stdout && done.stderr }
    /// Bytes that may come to be held here for the client.
    var tailCapacity: Int { ledger.stdout.tailBytes + ledger.stderr.tailBytes }
    /// Bytes that are.
    var heldBytes: Int { tails.stdout.count + tails.stderr.count }

    /// What the command wrote, as far as it was read, and whether the client got less.
    func report(_ kind: OutputKind) -> (bytes: UInt64, isTruncated: Bool) {
        let isBroken = (kind == .stdout ? stdout : stderr)?.truncated ?? false
        // Of a run that is not waited for any longer, the rest has not been carried.
        return (ledger[kind].observed, ledger[kind].isTruncated || isBroken || !done[kind])
    }

    /// Whether the command has written what the client does not take: it is not the command that is idle.
    var hasUnread: Bool { stdout?.hasUnread == true || stderr?.hasUnread == true }

    func start() {
        stdout?.start()
        stderr?.start()
    }

    /// Reads and sends on, after credit came or the owner can take output again.
    func resume() {
        for kind in OutputKind.allCases { sendTail(kind) }
        // In turn, so that neither waits behind one that never ends.
        errorsComeFirst.toggle()
        if errorsComeFirst { stderr?.resume() }
        stdout?.resume()
        if !errorsComeFirst { stderr?.resume() }
    }

    /// The client is ready for so many bytes more.
    func grant(_ bytes: UInt32) {
        guard let credit else { return }
        self.credit = min(credit + UInt64(bytes), UInt64(UInt32.max))
        resume()
    }

    /// Nobody takes output any more. What the tree still writes is read and dropped, so that it can end in its own way.
    func abandon() {
        isAbandoned = true
        for kind in OutputKind.allCases { tails[kind].clear() }
        resume()
    }

    /// Nothing of the tree runs any more: what is in the pipes is all there will be.
    func writersAreGone() {
        stdout?.writersAreGone()
        stderr?.writersAreGone()
        resume()
    }

    /// Without another word.
    func close() {
        stdout?.close()
        stderr?.close()
        for kind in OutputKind.allCases { tails[kind].clear() }
        done = OfBoth(stdout: true, stderr: true)
    }

    // MARK: - While it is written

    private func demand(_ kind: OutputKind) -> OutputStream.Demand {
        guard isOpen() else { return .none }
        let stream = ledger[kind]
        guard !isAbandoned, !stream.isCut, stream.headLeft > 0 else { return .discard }
        guard takesOutput() else { return .none }
        let most = min(credit ?? .max, stream.headLeft, UInt64(Int.max))
        return most == 0 ? .none : .bytes(Int(most))
    }

    private func forward(_ kind: OutputKind, _ bytes: ByteBuffer) {
        var bytes = bytes
        let passage = ledger.read(bytes.readableBytes, of: kind)
        bytes.moveWriterIndex(to: bytes.readerIndex + passage.passed)
        onActivity()
        send(kind, bytes)
        tell(passage)
    }

    /// What would meet a limit is read, so that what passes can be cut off.
    private func offer(_ kind: OutputKind, _ pipe: Int32, _ count: Int) -> OutputOffer {
        guard ledger.room(for: kind) >= count else { return .refused }
        let offered = onOffer(kind, pipe, count)
        guard case .moved(let moved) = offered else { return offered }
        tell(ledger.read(moved, of: kind))
        if let credit { self.credit = credit - min(credit, UInt64(moved)) }
        ledger.carry(moved, of: kind)
        onActivity()
        return offered
    }

    private func keep(_ kind: OutputKind, _ bytes: UnsafeRawBufferPointer) {
        let passage = ledger.read(bytes.count, of: kind)
        if !isAbandoned {
            tails[kind].append(UnsafeRawBufferPointer(rebasing: bytes.prefix(passage.passed)))
        }
        onActivity()
        tell(passage)
    }

    private func tell(_ passage: OutputLedger.Passage) {
        guard let limit = passage.exceeded else { return }
        onExcess(limit, passage.observed)
        // The other stream may have waited for the client, and is now to be read and dropped.
        resume()
    }

    /// Everything is counted before the owner gets it: it may ask for more at once.
    private func send(_ kind: OutputKind, _ bytes: ByteBuffer) {
        let count = bytes.readableBytes
        guard count > 0 else { return }
        if let credit { self.credit = credit - min(credit, UInt64(count)) }
        ledger.carry(count, of: kind)
        onBytes(kind, bytes)
    }

    // MARK: - At its end

    /// Once the stream has ended: what is missing, then the last bytes, as fast as the client takes them.
    private func sendTail(_ kind: OutputKind) {
        guard let stream = kind == .stdout ? stdout : stderr, stream.hasEnded, !done[kind] else { return }
        while !isAbandoned {
            let kept = tails[kind].count
            let omitted = omissionIsTold[kind] ? 0 : ledger[kind].omitted(besides: kept)
            guard omitted > 0 || kept > 0 else { break }
            guard takesOutput() else { return }
            if omitted > 0 {
                omissionIsTold[kind] = true
                onOmission(kind, omitted)
                continue
            }
            // Without this, the next round would count what has been sent of the tail as missing.
            omissionIsTold[kind] = true
            let most = min(credit ?? .max, UInt64(OutputStream.chunk))
            guard most > 0 else { return }
            let bytes = tails[kind].removeFirst(Int(most))
            send(kind, bytes)
        }
        guard !done[kind] else { return }
        done[kind] = true
        onDone()
    }
}
