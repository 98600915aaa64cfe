import CSandbox
import Glibc
import SandboxClient

/// Reading and writing that waits for nobody: for the loop, which has signals and the service to look after. `EAGAIN` where
/// it would have to wait; poll(2) says when it is worth another try.
///
/// `O_NONBLOCK` is out of the question: it would be set for everybody who has the file open.
extension Descriptor {
    /// POSIX: so much fits into a pipe that poll(2) calls writable.
    private static let pipeBytes = 4096

    /// Reads what is there. Empty is end of file.
    func readNow(atMost count: Int) -> Result<[UInt8], ErrorNumber> {
        guard !isRegularFile else { return read(atMost: count) }
        var failure: ErrorNumber?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            guard let base = buffer.baseAddress else { return }
            let received = sandbox_read_now(number, base, count)
            if received < 0 { failure = .current }
            filled = max(0, received)
        }
        switch failure?.value {
        case nil: return .success(bytes)
        case EINTR: return .failure(ErrorNumber(EAGAIN))
        // A terminal, and a pipe before Linux 6.4.
        case EOPNOTSUPP: return isReady(POLLIN) ? read(atMost: count) : .failure(ErrorNumber(EAGAIN))
        case let value?: return .failure(ErrorNumber(value))
        }
    }

    /// Writes what is taken. Returns how much that was.
    func writeNow(_ bytes: ArraySlice<UInt8>) -> Result<Int, ErrorNumber> {
        let isRegular = isRegularFile
        let count = bytes.withUnsafeBytes { buffer -> Int in
            guard let base = buffer.baseAddress else { return 0 }
            if isRegular { return Glibc.write(number, base, buffer.count) }
            let count = sandbox_write_now(number, base, buffer.count)
            guard count < 0, errno == EOPNOTSUPP else { return count }
            guard isReady(POLLOUT) else {
                errno = EAGAIN
                return -1
            }
            return Glibc.write(number, base, min(buffer.count, Self.pipeBytes))
        }
        if count >= 0 { return .success(count) }
        return .failure(errno == EINTR ? ErrorNumber(EAGAIN) : .current)
    }

    private func isReady(_ events: CInt) -> Bool {
        var entry = pollfd(fd: number, events: Int16(events), revents: 0)
        return poll(&entry, 1, 0) > 0
    }

    private var isRegularFile: Bool {
        var status = stat()
        return fstat(number, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
