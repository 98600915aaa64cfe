import Glibc
package import SandboxClient
package import SandboxModel

/// An open file, read and written unbuffered. These calls block: on the main thread, or on one made for them.
package struct Descriptor: Sendable {
    package let number: CInt

    package static let input = Descriptor(number: STDIN_FILENO)
    package static let output = Descriptor(number: STDOUT_FILENO)
    package static let error = Descriptor(number: STDERR_FILENO)

    package static func open(_ path: String, _ flags: CInt) throws(ServiceError) -> Descriptor {
        let number = Glibc.open(path, flags | O_CLOEXEC | O_NOCTTY, 0o666)
        guard number >= 0 else {
            throw ServiceError(.invalidRequest, "failed to open \(path): \(ErrorNumber.current)")
        }
        return Descriptor(number: number)
    }

    package var isTerminal: Bool { isatty(number) == 1 }

    /// Whether what is written here and what is written to another descriptor stands in one place: a file, a pipe, or a
    /// terminal, which can be open under two names.
    func leads(whereDoes other: Descriptor) -> Bool {
        if isTerminal, other.isTerminal { return true }
        var own = stat()
        var others = stat()
        guard fstat(number, &own) == 0, fstat(other.number, &others) == 0 else { return false }
        return own.st_dev == others.st_dev && own.st_ino == others.st_ino
    }

    /// Reads what is there, at most `count` bytes. Empty is end of file.
    package func read(atMost count: Int) -> Result<[UInt8], ErrorNumber> {
        while true {
            var failure: ErrorNumber?
            let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                let received = Glibc.read(number, buffer.baseAddress, count)
                if received < 0 { failure = .current }
                filled = max(0, received)
            }
            guard let failure else { return .success(bytes) }
            guard retries(failure, POLLIN) else { return .failure(failure) }
        }
    }

    package func readToEnd() -> Result<[UInt8], ErrorNumber> {
        var all: [UInt8] = []
        while true {
            switch read(atMost: 64 << 10) {
            case .success(let bytes) where bytes.isEmpty: return .success(all)
            case .success(let bytes): all += bytes
            case .failure(let error): return .failure(error)
            }
        }
    }

    /// Writes everything.
    @discardableResult
    package func write(_ bytes: [UInt8]) -> ErrorNumber? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
                continue
            }
            let failure = ErrorNumber.current
            guard retries(failure, POLLOUT) else { return failure }
        }
        return nil
    }

    @discardableResult
    package func write(_ text: String) -> ErrorNumber? { write(Array(text.utf8)) }

    /// Whether to try again; waits first where somebody made the file non-blocking.
    private func retries(_ failure: ErrorNumber, _ events: CInt) -> Bool {
        if failure.value == EAGAIN {
            var entry = pollfd(fd: number, events: Int16(events), revents: 0)
            poll(&entry, 1, -1)
            return true
        }
        return failure.value == EINTR
    }
}
