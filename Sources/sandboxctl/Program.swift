import Glibc
import SandboxClient
import SandboxExec
import SandboxModel

/// `sandboxctl`: runs `exec` itself, and is sandboxctl-verbs for everything else.
///
/// A command in a sandbox should take no longer to start than one in any other, and of this program nothing is a part that
/// it does not need: no policies, no option parser, no Foundation, no second thread. Its links are fixed when it is built.
@main enum Program {
    static func main() {
        if let options = ExecScanner.scan(CommandLine.arguments) {
            signal(SIGPIPE, SIG_IGN)
            _exit(exec(options))
        }
        becomeVerbs()
    }

    /// Everything that fails in sandboxctl or sandboxd ends with one line on stderr and status 125, because any other status
    /// may be the command's.
    private static func exec(_ options: ExecOptions) -> Int32 {
        do {
            return try Execution(options).perform()
        } catch let error as ServiceError {
            Diagnostics.write(error)
            return ExitStatus.of(error)
        } catch {
            Diagnostics.write("\(error)")
            return ExitStatus.serviceFailed
        }
    }

    /// With the same words, byte for byte.
    private static func becomeVerbs() -> Never {
        do throws(CompanionProgram.Absence) {
            let path = try CompanionProgram.path("sandboxctl-verbs")
            execv(path, CommandLine.unsafeArgv)
            Diagnostics.write("failed to execute \(path): \(ErrorNumber.current)")
        } catch {
            Diagnostics.write("there is no sandboxctl-verbs, which has all verbs but exec: \(error)")
        }
        _exit(ExitStatus.serviceFailed)
    }
}
