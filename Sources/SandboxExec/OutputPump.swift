import Glibc
import SandboxClient

/// Bytes on their way to stdout and stderr, in order.
struct OutputPump {
    struct Chunk {
        var bytes: ArraySlice<UInt8>
        var target: Descriptor
        /// A line of sandboxctl's own: that it cannot be written is no reason to end anything.
        var isOurs = false
    }

    private var chunks: [Chunk] = []

    mutating func add(_ added: [Chunk]) { chunks += added.filter { !$0.bytes.isEmpty } }

    /// Who has to take something before anything else goes on.
    var blocked: Descriptor? { chunks.first?.target }

    /// Writes as far as nobody has to wait. Returns why the command's output could not be written; nothing of it is kept then.
    mutating func write() -> ErrorNumber? {
        while let chunk = chunks.first {
            switch chunk.target.writeNow(chunk.bytes) {
            case .success(let count) where count < chunk.bytes.count:
                chunks[0].bytes = chunk.bytes.dropFirst(count)
            case .success: chunks.removeFirst()
            case .failure(let error) where error.value == EAGAIN: return nil
            case .failure where chunk.isOurs: chunks.removeFirst()
            case .failure(let error):
                chunks = []
                return error
            }
        }
        return nil
    }
}
