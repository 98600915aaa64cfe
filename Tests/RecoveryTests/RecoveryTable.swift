import Glibc
import LinuxSystem

#if SANDBOX_FAULTS
    /// The rows of the recovery table, as Markdown, in the file that `SANDBOX_RECOVERY_TABLE` names, if it does.
    enum RecoveryTable {
        static func add(_ point: FaultPoint, _ victim: Victim, told: String, left: String, milliseconds: Double) {
            add("\(point)", killed: victim.name(point), told: told, left: left, milliseconds: milliseconds)
        }

        /// - Parameter milliseconds: from the kill to the end of the first whole run of the next service.
        static func add(_ point: String, killed: String, told: String, left: String, milliseconds: Double) {
            guard let path = getenv("SANDBOX_RECOVERY_TABLE") else { return }
            let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard file >= 0 else { return }
            defer { close(file) }
            var text = "| \(point) | \(killed) | \(told) | \(left) | nothing | \(tenths(milliseconds)) ms |\n"
            if lseek(file, 0, SEEK_END) == 0 {
                text =
                    """
                    | came to | killed | its client was told | left then | left after the restart | until an answer |
                    | --- | --- | --- | --- | --- | --- |

                    """ + text
            }
            _ = write(file, text, text.utf8.count)
        }
    }
#endif
