import ArgumentParser
import Glibc
import LaunchPlan
import SandboxClient
import SandboxExec
import SandboxModel

/// The operator's and policy author's tool.
struct Sandboxctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandboxctl", abstract: "Run commands in sandboxes, and see and judge what policies say.",
        version: "sandboxctl \(ProductVersion.text)",
        subcommands: [
            ExecCommand.self, ListCommand.self, KillCommand.self, StatsCommand.self, TopCommand.self,
            PolicyCommand.self, VerifyCommand.self, ReloadCommand.self, DoctorCommand.self, VersionCommand.self,
        ])
}

/// The program: everything that fails in sandboxctl or sandboxd ends with one line on stderr and status 125, because
/// any other status may be the command's.
@main enum Program {
    // On the main thread, which may block: the runtime's own threads may not.
    @MainActor static func main() async {
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try await parse()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            leave(0)
        } catch let status as ExitCode {
            leave(status.rawValue)
        } catch let error as ServiceError {
            Diagnostics.write(error)
            leave(ExitStatus.of(error))
        } catch {
            leave(report(error))
        }
    }

    private static func parse() async throws -> any ParsableCommand { try Sandboxctl.parseAsRoot() }

    /// Prints help to stdout, a usage error to stderr, and returns the status.
    private static func report(_ error: any Error) -> Int32 {
        let text = Sandboxctl.fullMessage(for: error)
        if Sandboxctl.exitCode(for: error).isSuccess {
            Descriptor.output.write(text + "\n")
            return 0
        }
        Descriptor.error.write(text + "\n")
        return ExitStatus.serviceFailed
    }

    private static func leave(_ status: Int32) -> Never {
        Terminal.restore()
        exit(status)
    }
}
