import Glibc

/// Whom the kernel kills first when the whole host is out of memory: `oom_score_adj`, `proc(5)`.
package enum MemoryPressureScore {
    /// Sandboxes': before nearly everything else. Children have their parent's, the command cannot lower it.
    package static let ofSandboxes = 500

    package static func get(of pid: Int32, proc: Directory) throws(SystemError) -> Int {
        let text = try proc.subdirectory("\(pid)").read("oom_score_adj")
        guard let score = text.split(whereSeparator: \.isWhitespace).first.flatMap({ Int($0) }) else {
            throw SystemError("read a score of", "\(pid)", errno: EINVAL)
        }
        return score
    }

    /// - Parameter pid: of this process, or of a child that is not reaped yet.
    package static func set(_ score: Int, of pid: Int32, proc: Directory) throws(SystemError) {
        try proc.subdirectory("\(pid)").write("\(score)", to: "oom_score_adj")
    }
}
