import Glibc
import SandboxClient
import SandboxModel

/// Where the command's input comes from, and how much of it the run takes now.
///
/// Reads only while the command takes it, so that what it leaves unread stays readable.
struct ExecInput {
    /// At most so much at once.
    private static let chunkBytes = 64 << 10

    /// `nil` when there is none: stdin is closed, or another job has the terminal and reading it would stop us.
    private let source: Descriptor?
    private var credit = 0
    private var isAtEnd = false

    init(_ option: String?) throws(ServiceError) {
        if let option, option != "-" {
            source = try Descriptor.open(option, O_RDONLY)
        } else if fcntl(STDIN_FILENO, F_GETFD) < 0 || (option == nil && Terminal.belongsToAnotherJob) {
            source = nil
        } else {
            source = .input
        }
    }

    var isThere: Bool { source != nil }

    /// What to wait for; `nil` while nothing may be read.
    var awaited: Descriptor? { credit > 0 && !isAtEnd ? source : nil }

    mutating func takeCredit(_ bytes: UInt32) { credit += Int(bytes) }

    /// What is there now, for the command: no bytes are its end, `nil` is nothing yet.
    mutating func next() -> [UInt8]? {
        guard let awaited else { return nil }
        switch awaited.readNow(atMost: min(credit, Self.chunkBytes)) {
        case .success(let bytes):
            credit -= bytes.count
            isAtEnd = bytes.isEmpty
            return bytes
        case .failure(let error) where error.value == EAGAIN: return nil
        case .failure(let error):
            Diagnostics.write("failed to read standard input: \(error)")
            isAtEnd = true
            return []
        }
    }
}
