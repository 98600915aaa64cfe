import CSandbox
import Glibc
import Logging
import SandboxEngine
import Synchronization

/// Standard error, for lines that nobody waits for: they are written by the loop that keeps everybody's deadlines. A line that a
/// full pipe or a stopped terminal does not take is dropped and counted, and how many were is said in front of the next one that
/// is taken.
///
/// O_NONBLOCK is out of the question: it would be set for everybody who has the file open.
final class LineSink: Sendable {
    private enum Kind: Sendable { case file, socket, other }

    private let descriptor: Int32
    private let kind: Kind
    private let dropped = Mutex<UInt64>(0)

    /// Of a descriptor that stays open.
    init(descriptor: Int32 = STDERR_FILENO) {
        self.descriptor = descriptor
        var status = stat()
        let type = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : 0
        kind = type == S_IFREG ? .file : type == S_IFSOCK ? .socket : .other
    }

    func write(_ level: Logger.Level, _ text: String) {
        dropped.withLock { dropped in
            if dropped > 0 {
                guard take(.warning, "\(LogRecord.recordsDropped.rawValue) count=\(dropped)") else {
                    dropped += 1
                    return
                }
                dropped = 0
            }
            if !take(level, text) { dropped += 1 }
        }
    }

    /// All of a line or nothing: it is shorter than what a pipe takes as one (PIPE_BUF).
    private func take(_ level: Logger.Level, _ text: String) -> Bool {
        var line = "sandboxd: \(level.rawValue): \(text)\n"
        return line.withUTF8 { buffer in
            guard let base = buffer.baseAddress else { return true }
            while true {
                let count = writeNow(base, buffer.count)
                // An error other than that there is no room now does not go away: there is nobody to tell.
                if count >= 0 || (errno != EAGAIN && errno != EINTR) { return true }
                if errno == EAGAIN { return false }
            }
        }
    }

    private func writeNow(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
        switch kind {
        case .file: return Glibc.write(descriptor, bytes, count)
        case .socket: return send(descriptor, bytes, count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
        case .other:
            let written = sandbox_write_now(descriptor, bytes, count)
            guard written < 0, errno == EOPNOTSUPP else { return written }
            // A terminal, and a pipe before Linux 6.4: poll(2) calls a pipe writable when it takes PIPE_BUF bytes.
            var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&state, 1, 0) > 0 else {
                errno = EAGAIN
                return -1
            }
            return Glibc.write(descriptor, bytes, count)
        }
    }
}
