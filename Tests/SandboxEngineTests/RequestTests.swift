import Glibc
import LaunchPlan
import SandboxModel
import Testing

@testable import SandboxEngine

@Suite struct RequestTests {
    /// What is read is what the launcher takes: neither knows the other.
    @Test func oneMaximumOfStrings() { #expect(RunRequest.maximumStrings == LaunchRequest.maximumStrings) }

    struct Refused: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var request: RunRequest
        var code: ServiceError.Code = .invalidRequest
        var message: String
    }

    static let refused: [Refused] = [
        .init(testDescription: "empty argv", request: RunRequest(argv: []), message: "argv is empty"),
        .init(testDescription: "empty program", request: RunRequest(argv: [""]), message: "name is empty"),
        .init(testDescription: "NUL", request: RunRequest(argv: ["a", "b\0"]), message: "argument 1 contains a NUL"),
        .init(
            testDescription: "= in a name", request: RunRequest(argv: ["a"], environment: ["A=B": "c"]),
            message: "'A=B'"),
        .init(
            testDescription: "empty name", request: RunRequest(argv: ["a"], environment: ["": "c"]),
            message: "name is empty"),
        .init(
            testDescription: "digit first", request: RunRequest(argv: ["a"], environment: ["1A": "c"]),
            message: "'1A'"),
        .init(
            testDescription: "NUL in a value", request: RunRequest(argv: ["a"], environment: ["A": "secret\0"]),
            message: "the value of variable A contains a NUL"),
        .init(
            testDescription: "relative workspace", request: RunRequest(argv: ["a"], workspace: "../x"),
            message: "workspace ../x is not an absolute path"),
        .init(
            testDescription: "dots", request: RunRequest(argv: ["a"], workspace: "/a/../b"), message: "component"),
        .init(testDescription: "double slash", request: RunRequest(argv: ["a"], workspace: "/a//b"), message: "comp"),
        .init(
            testDescription: "root", request: RunRequest(argv: ["a"], workspace: "/"), code: .workspaceDenied,
            message: "workspace / is the root directory"),
        .init(
            testDescription: "long workspace",
            request: RunRequest(argv: ["a"], workspace: "/" + String(repeating: "a", count: 4095)),
            message: "4095"),
        .init(testDescription: "NUL in cwd", request: RunRequest(argv: ["a"], cwd: "\0"), message: "cwd contains"),
        .init(
            testDescription: "long argument",
            request: RunRequest(argv: ["a", String(repeating: "x", count: 128 << 10)]), code: .argumentsTooLong,
            message: "argument 1"),
        .init(
            testDescription: "long variable",
            request: RunRequest(argv: ["a"], environment: ["V": String(repeating: "x", count: 128 << 10)]),
            code: .argumentsTooLong, message: "variable V"),
        .init(
            testDescription: "many arguments", request: RunRequest(argv: .init(repeating: "x", count: 20_000)),
            code: .argumentsTooLong, message: "20000"),
        .init(
            testDescription: "long tail of stdout",
            request: RunRequest(argv: ["a"], keep: OutputKeep(stdout: .init(tailBytes: (1 << 20) + 1))),
            message: "keep.stdout.tail_bytes of 1048577 is not accepted: 0 to 1048576 are"),
        .init(
            testDescription: "endless tail of stderr",
            request: RunRequest(argv: ["a"], keep: OutputKeep(stderr: .init(tailBytes: .max))),
            message: "keep.stderr.tail_bytes of 18446744073709551615"),
        .init(
            testDescription: "interval of 0", request: RunRequest(argv: ["a"], usageIntervalMilliseconds: 0),
            message: "usage_interval_ms of 0 is not accepted: 100 to 3600000 are"),
        .init(
            testDescription: "short interval", request: RunRequest(argv: ["a"], usageIntervalMilliseconds: 99),
            message: "100 to 3600000"),
        .init(
            testDescription: "long interval", request: RunRequest(argv: ["a"], usageIntervalMilliseconds: .max),
            message: "100 to 3600000"),
        .init(
            testDescription: "many bytes",
            request: RunRequest(argv: .init(repeating: String(repeating: "x", count: 100_000), count: 6)),
            code: .argumentsTooLong, message: "600006 bytes"),
    ]

    @Test(arguments: refused)
    func isRefused(_ refused: Refused) {
        do throws(ServiceError) {
            try RequestValidation.check(refused.request)
            Issue.record("accepted")
        } catch {
            #expect(error.code == refused.code)
            #expect(error.message.contains(refused.message), "\(error.message)")
            #expect(!error.message.contains("secret"))
        }
    }

    @Test func ordinaryRequestsPass() throws {
        try RequestValidation.check(
            RunRequest(
                argv: ["sh", "-c", "", "ä"], workspace: "/srv/build", cwd: "sub/dir",
                environment: ["_A1": "x=y", "b": ""], terminal: TerminalSize(columns: 80, rows: 24),
                keep: OutputKeep(stdout: .init(headBytes: .max, tailBytes: 1 << 20)), usageIntervalMilliseconds: 100))
        try RequestValidation.check(RunRequest(argv: ["a"], usageIntervalMilliseconds: 3_600_000))
    }

    struct Mapped: Sendable {
        var stage: LaunchStage
        var errno: Int32
        var code: ServiceError.Code
        var message: String
    }

    static let mapped: [Mapped] = [
        .init(stage: .commandExecute, errno: ENOENT, code: .programNotFound, message: "no program 'foo' in the"),
        .init(stage: .commandExecute, errno: EACCES, code: .programNotExecutable, message: "EACCES"),
        .init(stage: .commandExecute, errno: ENOEXEC, code: .programNotExecutable, message: "ENOEXEC"),
        .init(stage: .commandExecute, errno: ENOMEM, code: .launchFailed, message: "failed to execute the command"),
        .init(stage: .workspaceOpen, errno: ENOENT, code: .workspaceNotFound, message: "/srv/w: ENOENT"),
        .init(stage: .workspaceOpen, errno: ENOTDIR, code: .workspaceNotDirectory, message: "/srv/w"),
        .init(stage: .workspaceOpen, errno: EACCES, code: .workspaceDenied, message: "/srv/w: EACCES"),
        .init(stage: .workspaceOpen, errno: ELOOP, code: .workspaceDenied, message: "/srv/w: ELOOP"),
        .init(stage: .workspaceOpen, errno: EXDEV, code: .workspaceDenied, message: "/srv/w: EXDEV"),
        .init(stage: .workspaceAccess, errno: EACCES, code: .workspaceDenied, message: "/srv/w"),
        .init(stage: .workspaceRoots, errno: 0, code: .workspaceDenied, message: "policy 'default'"),
        .init(
            stage: .commandDirectory, errno: ENOENT, code: .cwdNotFound,
            message: "failed to enter sub in the sandbox: ENOENT"),
        .init(stage: .mountProc, errno: EPERM, code: .launchFailed, message: "failed to mount /proc: thing: EPERM"),
    ]

    @Test(arguments: mapped)
    func launchFailures(_ row: Mapped) {
        let request = LaunchRequest(
            run: 1, policy: "default", client: 1, workspace: "/srv/w", cwd: "sub", argv: ["foo"],
            environment: ["PATH=/usr/bin"],
            limits: LaunchLimits(
                memoryBytes: 1, cpuMillicores: 1, processes: 1, openFiles: 1, fileSizeBytes: 1),
            terminal: false)
        let error = ServiceError(LaunchFailure(row.stage, errno: row.errno, "thing"), request: request)
        #expect(error.code == row.code)
        #expect(error.message.contains(row.message), "\(error.message)")
        #expect(error.stage == row.stage.name)
    }

    @Test(arguments: LaunchStage.allCases)
    func everyStageHasWords(_ stage: LaunchStage) {
        #expect(!stage.words.isEmpty)
        #expect(stage.words.first?.isLowercase == true)
    }

    @Test func shownTextCannotForgeLines() {
        #expect("a\nb\u{1b}[31m\u{202e}".shown == "a\\u{a}b\\u{1b}[31m\\u{202e}")
        #expect(String(repeating: "x", count: 500).shown.count == 123)
    }

    @Test func launchLimitsStayWithinThePolicys() {
        let maximum = LaunchLimits(
            memoryBytes: 100, cpuMillicores: 1500, processes: 10, openFiles: 20, fileSizeBytes: 30, cpuSeconds: 3)
        let wide = LaunchLimits(
            Limits(
                memoryBytes: .max, cpus: .infinity, processes: .max, openFiles: .max, fileSizeBytes: .max,
                cpuMilliseconds: .max), maximum: maximum)
        #expect(wide == maximum)
        #expect(LaunchLimits(Limits(cpus: 0.25, cpuMilliseconds: 1500), maximum: maximum).cpuSeconds == 3)
        #expect(LaunchLimits(Limits(cpuMilliseconds: 1000), maximum: maximum).cpuSeconds == 2)
        #expect(LaunchLimits(Limits(cpus: 0.25), maximum: maximum).cpuMillicores == 250)
        #expect(wide.widerThan(maximum) == nil)
    }

    @Test func newLimitsStayWithinThePolicysToo() {
        let maximum = LaunchLimits(
            memoryBytes: 100, cpuMillicores: 1500, processes: 10, openFiles: 20, fileSizeBytes: 30, swapBytes: 40,
            tmpBytes: 50, workspaceBytes: 60, workspaceInodes: 70, readBytesPerSecond: 80, writeBytesPerSecond: 90)
        func limits(_ amount: UInt64) -> Limits {
            Limits(
                swapBytes: amount, tmpBytes: amount, workspaceBytes: amount, workspaceInodes: amount,
                readBytesPerSecond: amount, writeBytesPerSecond: amount)
        }
        // Absent is the policy's, and so is what is wider; /tmp has the policy's size without being told.
        var asPolicy = maximum
        asPolicy.tmpBytes = nil
        #expect(LaunchLimits(Limits(), maximum: maximum) == asPolicy)
        #expect(LaunchLimits(limits(.max), maximum: maximum) == asPolicy)
        #expect(LaunchLimits(limits(50), maximum: maximum).tmpBytes == nil)
        let narrow = LaunchLimits(limits(7), maximum: maximum)
        #expect(narrow.swapBytes == 7 && narrow.tmpBytes == 7 && narrow.workspaceBytes == 7)
        #expect(narrow.workspaceInodes == 7 && narrow.readBytesPerSecond == 7 && narrow.writeBytesPerSecond == 7)
        #expect(narrow.widerThan(maximum) == nil)
        // A policy without them takes a request's.
        let open = LaunchLimits(
            memoryBytes: 100, cpuMillicores: 1500, processes: 10, openFiles: 20, fileSizeBytes: 30)
        #expect(LaunchLimits(limits(7), maximum: open).readBytesPerSecond == 7)
        #expect(LaunchLimits(limits(7), maximum: open).swapBytes == 0)
        #expect(LaunchLimits(Limits(), maximum: open) == open)
    }
}
