import Glibc

/// Whom the kernel kills first when the whole host is out of memory: `oom_score_adj`, `proc(5)`.
package enum MemoryPressureScore {
    /// Sandboxes': before nearly everything else. Children have their parent's, the command cannot lower it.
    package static let ofSandboxes = 500

    /// - Parameter pid: of this process, or of a child that is not reaped yet.
    package static func set(_ score: Int, of pid: Int32, proc: Directory) throws(SystemError) {
        try proc.subdirectory("\(pid)").write("\(score)", to: "oom_score_adj")
    }
}
