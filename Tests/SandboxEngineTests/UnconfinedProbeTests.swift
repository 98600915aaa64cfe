import Foundation
import Glibc
import LaunchPlan
import SandboxModel
import SandboxTestSupport
import Testing

@testable import SandboxEngine

/// The probe and the judge are proven able to fail: the same program, run as an ordinary user of the host without any
/// confinement, must not pass for a sandbox.
@Suite struct UnconfinedProbeTests {
    private func unconfined(_ arguments: [String]) throws -> [UInt8] {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o755)
        let program = "\(directory.path)/sandbox-probe"
        try FileManager.default.copyItem(atPath: BuiltProducts.path("sandbox-probe"), toPath: program)
        // Never as root: outside, what it tries would work.
        let nobody = ["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        let command = (geteuid() == 0 ? nobody : []) + [program] + arguments
        let process = Process()
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        process.environment = ["SANDBOX_PROBE": "1"]
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let bytes = Array(output.fileHandleForReading.readDataToEndOfFile())
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return bytes
    }

    @Test func `outside, most of it does not hold`() throws {
        var policy = CompiledPolicy.none
        policy.readPaths = ["/usr"]
        policy.hidePaths = ["/usr/bin"]
        policy.syscallsDenied = ["mlock"]
        let facts = ProbeFacts(try unconfined(["read:0:/usr", "hide:0:/usr/bin", "deny:0:\(lockMemory)"]))
        #expect(facts.isComplete)
        let checks = ProbeJudge.judge(facts, policy: policy, host: .current(), usage: TreeUsage())
        let failed = Set(checks.filter { !$0.passed }.map(\.name))
        for name in [
            "capabilities", "no_new_privs", "seccomp", "uid", "gid", "uid_map", "namespaces", "parent", "processes",
            "hostname", "cgroup_counts", "landlock", "mounts", "root_directory", "devices", "masked", "absent",
            "hide_paths", "denied_calls", "limit.core", "limit.open_files", "attempt.io_uring_setup", "attempt.clone3",
            "attempt.openat2", "attempt.keyctl", "attempt.chmod_setuid", "attempt.execute_memory_file",
        ] {
            #expect(failed.contains(name), "\(name) holds outside: \(checks.first { $0.name == name }?.observed ?? "")")
        }
        // What is left is what the kernel refuses to any ordinary user (mounts, devices, other users' processes).
        #expect(failed.count > checks.count / 2, "\(failed.count) of \(checks.count)")
    }
}

#if arch(x86_64)
    private let lockMemory = 149
#else
    private let lockMemory = 228
#endif
