import CEscape
import EscapeAttempts
import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport

/// Every attempt of the probe, made four times: in sandboxes of a service and in such as an ordinary user makes for himself, by
/// that user outside, and by the host's root in namespaces that are thrown away. Made once for all tests.
struct AttemptRuns: Sendable {
    var confined: [String: Verdict] = [:]
    /// Without root, by the user whose the canary is.
    var rootless: [String: Verdict] = [:]
    var user: [String: Verdict] = [:]
    var root: [String: Verdict] = [:]
    /// Everything that came out of the sandboxes.
    var confinedOutput = ""
    /// What the host looked like before and after.
    var before: HostState
    var after: HostState
    var secret: String

    static let shared = Task { try await AttemptRuns() }

    private init() async throws {
        let canary = try Canary()
        secret = canary.secret
        before = try HostState(canary)
        after = before
        confined = try await runConfined(canary)
        if Backend.current == .native {
            rootless = try await Mode.$current.withValue(.rootless(user: canary.user)) { try await runConfined(canary) }
        }
        after = try HostState(canary)
        user = try Self.unconfined(canary, ["--user", "\(canary.user)"], owner: canary.user)
        root = try Self.unconfined(canary, ["--isolated"], owner: 0)
    }

    private mutating func runConfined(_ canary: Canary) async throws -> [String: Verdict] {
        let service = try Service(policies: ["widest": Service.widest])
        let client = try await service.client()
        let workspace = try Self.workspace(owner: Mode.current.caller)
        var verdicts: [String: Verdict] = [:]
        let limits = Limits(
            memoryBytes: 256 << 20, processes: 64, openFiles: 256, fileSizeBytes: 16 << 20, wallMilliseconds: 60_000)
        for area in Attempt.areas {
            let output = try await client.run(
                RunRequest(
                    argv: ["./escape-probe"] + area.attempts.map(\.name), policy: "widest", workspace: workspace.path,
                    environment: canary.surroundings, limits: limits))
            guard output.isSuccess else {
                throw StageError.text("\(area.name): \(output.result.outcome) \(output.errorText)")
            }
            confinedOutput += output.outputText + output.errorText
            verdicts.merge(Self.parse(output.outputText)) { $1 }
        }
        return verdicts
    }

    private static func unconfined(
        _ canary: Canary, _ mode: [String], owner: UInt32
    ) throws -> [String: Verdict] {
        let directory = try workspace(owner: owner)
        let host = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(host) }
        var environment = canary.surroundings
        environment["ESCAPE_DAEMON_SECRET"] = Service.environmentSecret
        let ran = try Ran(
            ["./escape-probe"] + mode + Attempt.all.map(\.name), environment: environment, in: directory.path,
            leaked: [host])
        guard ran.status == 0 else { throw StageError.text("unconfined \(mode): \(ran)") }
        return parse(ran.output)
    }

    /// A directory with the probe in it, and with copies that are root's and have a set-user-ID bit or a capability.
    static func workspace(owner: UInt32) throws -> TemporaryDirectory {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o755)
        chown(directory.path, owner, owner)
        for name in ["escape-probe", "setuid-program", "capable-program"] {
            let copied = try Ran(["/bin/cp", BuiltProducts.testPath("escape-probe"), "\(directory.path)/\(name)"])
            guard copied.status == 0 else { throw StageError.text(copied.errors) }
            chmod("\(directory.path)/\(name)", name == "setuid-program" ? 0o4755 : 0o755)
        }
        // VFS_CAP_REVISION_2, effective, with cap_sys_admin.
        let capability: [UInt8] = [1, 0, 0, 2, 0, 0, 0x20, 0] + Array(repeating: 0, count: 12)
        let path = "\(directory.path)/capable-program"
        guard escape_set_attribute(path, "security.capability", capability, UInt(capability.count)) == 0 else {
            throw StageError.text("no capability on \(path)")
        }
        return directory
    }

    static func parse(_ output: String) -> [String: Verdict] {
        output.split(separator: "\n").reduce(into: [:]) { verdicts, line in
            let fields = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 3, let verdict = Verdict(word: fields[1], detail: fields[2]) else { return }
            verdicts[fields[0]] = verdict
        }
    }
}

/// What an escape could have changed on the host, beyond what the probe itself can see.
struct HostState: Equatable, Sendable {
    var secret: String
    var secretMode: UInt32
    var canaryLives: Bool
    var mounts: String
    var settings: [String: String]
    /// Size, time and number of the programs and files that an escape would like to change.
    var files: [String: [Int]]

    init(_ canary: Canary) throws {
        secret = try canary.directory.read("secret")
        var status = stat()
        lstat(canary.file, &status)
        secretMode = status.st_mode
        canaryLives = canary.isAlive
        mounts = Self.content("/proc/self/mountinfo")
        settings = Dictionary(
            uniqueKeysWithValues: [
                "kernel/hostname", "kernel/domainname", "kernel/core_pattern", "vm/overcommit_memory",
                "net/ipv4/ip_forward", "kernel/randomize_va_space",
            ].map { ($0, Self.content("/proc/sys/\($0)")) })
        let products = ["sandboxd", "sandbox-launcher", "sandbox-init"].map { BuiltProducts.path($0) }
        files = Dictionary(
            uniqueKeysWithValues: (products + ["/etc/passwd", "/usr/lib/os-release", "/etc/ld.so.cache"]).map { path in
                var status = stat()
                stat(path, &status)
                return (
                    path,
                    [
                        status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec, Int(status.st_ino),
                        Int(status.st_mode),
                    ]
                )
            })
    }

    private static func content(_ path: String) -> String { (try? wholeFile(path)) ?? "" }
}
