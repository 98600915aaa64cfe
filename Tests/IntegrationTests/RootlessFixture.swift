import Foundation
import Glibc
import LinuxSystem
import SandboxModel
import SandboxTestSupport

/// `sandboxctl exec --standalone` of an ordinary user who is nobody else's, with all programs where he may execute them.
final class RootlessFixture: Sendable {
    let uid = 0x6200_0000 + UInt32.random(in: 0..<0xffff)
    let programs = TemporaryDirectory()
    /// His own, to work in.
    let workspace = TemporaryDirectory()

    /// What a host without a group for this user makes him accept.
    static let accepted = ["own-uid", "memory", "cpus"].flatMap { ["--accept-weaker", $0] }

    init() throws {
        chmod(programs.path, 0o755)
        chmod(workspace.path, 0o755)
        chown(workspace.path, uid, uid)
        let names = [
            "sandboxctl", "sandboxctl-verbs", "sandboxd", "sandbox-launcher", "sandbox-init", "sandbox-probe",
        ]
        let copied = try Ran(["/bin/cp"] + names.map { BuiltProducts.path($0) } + [programs.path])
        guard copied.status == 0 else { throw FixtureError.text(copied.errors) }
    }

    /// Words before a command that run it as this user.
    ///
    /// - Parameter groups: supplementary ones.
    func becoming(groups: [UInt32] = []) -> [String] {
        let script = """
            import os, sys
            os.setgroups([int(g) for g in sys.argv[2].split(",") if g]); u = int(sys.argv[1]); os.setgid(u); os.setuid(u)
            os.execv(sys.argv[3], sys.argv[3:])
            """
        return ["/usr/bin/python3", "-c", script, "\(uid)", groups.map(String.init).joined(separator: ",")]
    }

    func words(_ options: [String], _ command: [String], accepted: [String] = accepted) -> [String] {
        ["\(programs.path)/sandboxctl", "exec", "--standalone"] + accepted + options + ["--"] + command
    }

    /// Runs it to its end, with its report.
    func exec(
        _ options: [String] = [], _ command: [String], accepted: [String] = accepted, groups: [UInt32] = []
    ) throws -> (ran: Ran, result: RunResult?, error: ServiceError?) {
        struct Answer: Decodable { var error: ServiceError? }
        unlink("\(workspace.path)/.report")
        let report = ["--report", "\(workspace.path)/.report"]
        let ran = try Ran(becoming(groups: groups) + words(report + options, command, accepted: accepted))
        let data = Data((try? workspace.read(".report"))?.utf8 ?? "".utf8)
        unlink("\(workspace.path)/.report")
        if let result = try? JSONDecoder().decode(RunResult.self, from: data) { return (ran, result, nil) }
        return (ran, nil, try? JSONDecoder().decode(Answer.self, from: data).error)
    }

    /// This user's processes, zombies not counted.
    func processes() throws -> [Int32] {
        try Directory("/proc").entries().compactMap { Int32($0) }.filter { pid in
            var status = stat()
            guard stat("/proc/\(pid)", &status) == 0, status.st_uid == uid else { return false }
            return (try? wholeFile("/proc/\(pid)/stat"))?.split(separator: ")").last?.hasPrefix(" Z") == false
        }
    }

    /// Waits until exactly these are left.
    func waitForOnly(_ expected: Set<Int32>) throws -> Bool {
        for _ in 0..<300 {
            if Set(try processes()) == expected { return true }
            usleep(10_000)
        }
        return false
    }
}
