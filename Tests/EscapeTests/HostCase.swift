import EscapeAttempts
import Glibc
import SandboxClient
import SandboxTestSupport

/// An attempt that needs more than a probe: a policy, a terminal, two sandboxes, a race, or the host as the judge.
struct HostCase: Sendable {
    let name: String
    let origin: String
    let tries: String
    let body: @Sendable (Bench) async throws -> Judgement

    init(
        _ name: String, _ origin: String, _ tries: String,
        _ body: @escaping @Sendable (Bench) async throws -> Judgement
    ) {
        self.name = name
        self.origin = origin
        self.tries = tries
        self.body = body
    }

    static let areas: [(name: String, cases: [HostCase])] = [
        ("Ends of runs", ends), ("Limits of the whole run", limits), ("Neighbours", neighbours),
        ("Supplies of the host", supplies), ("The workspace", workspaces), ("What is left behind", leftovers),
        ("Requests", requests), ("Paths of requests", paths), ("Policies", policies),
        ("The list of programs", execution),
        ("Code without a program", memoryOfCode), ("The daemon", daemon),
        ("Users", users), ("Ways to start a command", ways),
    ]
    static let all: [HostCase] = areas.flatMap(\.cases)

    /// Those that are about sandboxes, whoever makes them, and not about a service's socket, its users or root's own supplies.
    static let ofEveryMode: [HostCase] = areas.filter { !serviceAreas.contains($0.name) }.flatMap(\.cases)
        .filter { !serviceCases.contains($0.name) }
    private static let serviceAreas: Set = [
        "Supplies of the host", "Requests", "Paths of requests", "The daemon", "Users", "Ways to start a command",
    ]
    private static let serviceCases: Set = ["sandboxd-socket-in-workspace", "policy-of-workspace"]
}

/// What came of a case inside and, where it can be tried there, outside.
struct Judgement: Sendable {
    var inside: Verdict
    /// `nil`: there is no counterpart without a sandbox.
    var outside: Verdict?

    init(_ inside: Verdict, outside: Verdict? = nil) {
        self.inside = inside
        self.outside = outside
    }
}

/// What host cases work with: a daemon, the canary, and the ways to run something inside and outside.
struct Bench: Sendable {
    let canary: Canary
    let service: Service
    let client: Caller

    init(_ canary: Canary) async throws {
        self.canary = canary
        service = try Service(
            policies: [
                "widest": Service.widest, "narrow": HostCase.narrow, "listed": HostCase.listed,
                "offline": "version: 1\nextends: default\nsyscalls: { deny: [network-client] }\n",
                "loopback": HostCase.loopback,
            ], options: ["--socket-mode", "0666"])
        client = try await service.client()
    }

    /// `escaped` when the text has the secret in it.
    func bySecret(_ text: String) -> Verdict {
        text.contains(canary.secret) ? .escaped("the secret") : .stopped(text.lastLine)
    }

    /// `escaped` with the first line that says so: payloads print "escaped WHY" or anything else.
    func byWord(_ text: String) -> Verdict {
        for line in text.split(separator: "\n") where line.hasPrefix("escaped") {
            return .escaped(String(line.dropFirst(8)))
        }
        return .stopped(text.lastLine)
    }

    func inside(
        _ argv: [String], policy: String = "widest", workspace: String? = nil, cwd: String? = nil,
        environment: [String: String] = [:], limits: Limits = Limits(), service: Service? = nil
    ) async throws -> RunOutput {
        let client = if let service { try await service.client() } else { self.client }
        return try await client.run(
            RunRequest(
                argv: argv, policy: policy, workspace: workspace, cwd: cwd, environment: environment, limits: limits))
    }

    /// That nothing was tried, which stops nothing.
    private static let untried: Set<ServiceError.Code> = [
        .policyNotVerified, .unknownPolicy, .overloaded, .draining, .launcherGone, .notConnected,
    ]

    /// What a payload says, or why there was none.
    func said(
        _ argv: [String], policy: String = "widest", workspace: String? = nil, cwd: String? = nil,
        environment: [String: String] = [:], limits: Limits = Limits(), service: Service? = nil
    ) async throws -> String {
        do {
            let output = try await inside(
                argv, policy: policy, workspace: workspace, cwd: cwd, environment: environment, limits: limits,
                service: service)
            return output.outputText + output.errorText
        } catch let error as ServiceError where !Self.untried.contains(error.code) {
            return "\(error)"
        }
    }

    /// The same on the host, by root or by a user.
    func outside(
        _ argv: [String], in directory: String? = nil, as user: UInt32? = nil, environment: [String: String] = [:]
    ) throws -> String {
        let ran = try Ran(user.map { Self.becoming($0) + argv } ?? argv, environment: environment, in: directory)
        return ran.output + ran.errors
    }

    /// Words before a command that run it as that user.
    static func becoming(_ user: UInt32) -> [String] {
        let script =
            "import os, sys; u = int(sys.argv[1]); os.setgroups([]); os.setgid(u); os.setuid(u); "
            + "os.execv(sys.argv[2], sys.argv[2:])"
        return ["/usr/bin/python3", "-c", script, "\(user)"]
    }

    /// Where a command finds its workspace: natively by the link that leads there.
    var workspace: String { service.mode.isContainer ? "/sandbox/workspace" : "/workspace" }

    /// Who asks for sandboxes.
    var caller: UInt32 { service.mode.caller }

    /// A directory of its own for a case, the caller's, that others may enter.
    func directory() -> TemporaryDirectory {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o755)
        chown(directory.path, service.mode.caller, service.mode.caller)
        return directory
    }

    /// Processes of the host with these words in their arguments.
    func processes(_ marker: String) throws -> [Int32] {
        guard let directory = opendir("/proc") else { throw StageError.text("no /proc") }
        defer { closedir(directory) }
        var found: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let pid = Int32(name), pid != getpid() else { continue }
            let file = open("/proc/\(pid)/cmdline", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { continue }
            defer { close(file) }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = read(file, &bytes, bytes.count)
            let words = String(decoding: bytes.prefix(max(0, count)).map { $0 == 0 ? 32 : $0 }, as: UTF8.self)
            if words.contains(marker) { found.append(pid) }
        }
        return found
    }

    /// `escaped` when processes with the marker live on.
    func bySurvivors(_ marker: String) async throws -> Verdict {
        for _ in 0..<200 {
            if try processes(marker).isEmpty { return .stopped("no process is left") }
            try await Task.sleep(for: .milliseconds(10))
        }
        return .escaped("\(try processes(marker).count) processes live on")
    }

    /// The survivors of a run outside: found and ended.
    func endSurvivors(_ marker: String) throws -> Verdict {
        let found = try processes(marker)
        for pid in found { kill(pid, SIGKILL) }
        return found.isEmpty ? .stopped("no process is left") : .escaped("\(found.count) processes lived on")
    }

    /// A number of seconds to sleep that no other test sleeps.
    func marker() -> String { "\(UInt32.random(in: 1_000_000..<9_000_000))" }

    /// `stopped` when the service refuses a request with one of these codes.
    func refused(_ request: RunRequest, _ codes: Set<ServiceError.Code>, service: Service? = nil) async throws
        -> Verdict
    {
        let client = if let service { try await service.client() } else { self.client }
        do {
            let output = try await client.run(request)
            return .escaped("it ran: \(output.result.outcome.message) \(output.outputText)")
        } catch let error as ServiceError {
            return codes.contains(error.code) ? .stopped("\(error.code.rawValue)") : .error("\(error)")
        }
    }
}

/// Every host case, run once for all tests.
struct HostRuns: Sendable {
    var judgements: [String: Judgement] = [:]
    /// The same in sandboxes that an ordinary user makes for himself.
    var rootless: [String: Judgement] = [:]

    static let shared = Task { try await HostRuns() }

    private init() async throws {
        let canary = try Canary()
        judgements = try await Self.judge(HostCase.all, canary)
        if Backend.current == .native {
            rootless = try await Mode.$current.withValue(.rootless(user: canary.user)) {
                try await Self.judge(HostCase.ofEveryMode, canary)
            }
        }
    }

    private static func judge(_ cases: [HostCase], _ canary: Canary) async throws -> [String: Judgement] {
        let bench = try await Bench(canary)
        var judgements: [String: Judgement] = [:]
        for item in cases where Containers.isTried(item.name) {
            do {
                judgements[item.name] = try await item.body(bench)
            } catch {
                judgements[item.name] = Judgement(.error("\(error)"))
            }
        }
        return judgements
    }
}

extension String {
    var lastLine: String { split(separator: "\n").last.map(String.init) ?? "nothing" }
}
