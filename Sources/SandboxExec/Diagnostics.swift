package import SandboxModel
import Synchronization

/// Lines that sandboxctl itself says on stderr.
package enum Diagnostics {
    /// Whether a line of ours would begin behind something that a command wrote to the same place.
    private static let isInsideLine = Atomic(false)

    /// Tells what a command's output to stderr, or to where that goes too, has ended with.
    static func follow(_ bytes: [UInt8]) {
        guard let last = bytes.last else { return }
        isInsideLine.store(last != UInt8(ascii: "\n"), ordering: .relaxed)
    }

    /// A line that begins as one, to be written to stderr next.
    static func line(_ text: String) -> String {
        let end = Terminal.isRaw ? "\r\n" : "\n"
        let start = isInsideLine.exchange(false, ordering: .relaxed) ? end : ""
        return "\(start)sandboxctl: \(text)\(end)"
    }

    /// Why a request was not carried out, and where that is worth waiting for, when to try again.
    package static func write(_ error: ServiceError) { write(error.message + hint(error)) }

    /// "; try again in 5 s". Of less than a second nothing is said: who reads this is no sooner there.
    static func hint(_ error: ServiceError) -> String {
        guard error.category == .temporary, let wait = error.retryAfterMilliseconds, wait >= 1000 else { return "" }
        return "; try again in \(wait / 1000 + (wait % 1000 > 0 ? 1 : 0)) s"
    }

    /// Writes a line; that it cannot be written is no reason to end anything.
    package static func write(_ text: String) { Descriptor.error.write(line(text)) }
}
