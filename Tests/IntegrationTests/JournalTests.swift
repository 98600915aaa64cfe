import Foundation
import Glibc
import LinuxSystem
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// What a real service tells the journal: each run's end and each refusal, and nothing that its callers could make of it.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct JournalTests {
    private let directory = TemporaryDirectory()
    private let journal: FakeJournal
    private let service: ServiceFixture

    init() throws {
        try directory.write(
            "mine.yaml",
            "version: 1\nextends: default\ntenants: { users: [0] }\ncommands: { deny: [{ program: rm, reason: no }] }\n"
        )
        journal = try FakeJournal(path: "\(directory.path)/journal", takesAhead: true)
        service = try ServiceFixture(options: [
            "--journal-socket", journal.path, "--policy-file", "\(directory.path)/mine.yaml",
        ])
    }

    private func record(_ what: String, _ isWanted: (FakeJournal.Record) -> Bool = { _ in true }) throws
        -> FakeJournal.Record
    {
        try #require(try journal.first { $0["MESSAGE"]?.hasPrefix(what) == true && isWanted($0) })
    }

    @Test func `start, run and stop have records with fields`() async throws {
        let loaded = try record("policies loaded")
        #expect(loaded["SANDBOXD_POLICIES"]?.contains("mine") == true && loaded["PRIORITY"] == "5")
        let serving = try record("serving")
        #expect(serving["SANDBOXD_SOCKET"] == service.socket && serving["MESSAGE_ID"]?.count == 32)
        let client = try await service.client()
        let result = try await client.run("sh", "-c", "sleep 0.4; exit 3", policy: "mine").result
        let ended = try record("run ended")
        #expect(ended["SANDBOXD_RUN"] == result.id && ended["SANDBOXD_POLICY"] == "mine")
        #expect(ended["SANDBOXD_UID"] == "0" && ended["SANDBOXD_TENANT"] == "user 0")
        #expect(ended["SANDBOXD_REASON"] == "exited" && ended["SANDBOXD_CODE"] == "3" && ended["PRIORITY"] == "6")
        #expect(Int(ended["SANDBOXD_WALL_MS"] ?? "") ?? 0 >= 400 && ended["SYSLOG_IDENTIFIER"] == "sandboxd")
        client.close()
        kill(service.daemon.pid, SIGTERM)
        #expect(try record("stopping")["SANDBOXD_SIGNAL"] == "15")
        // All went there.
        #expect(try service.directory.read("log") == "")
    }

    @Test func `each refusal has its reason`() async throws {
        let client = try await service.client()
        _ = try await client.run("rm", "-rf", "/secret-argument", policy: "mine")
        let denied = try record("run refused")
        #expect(denied["SANDBOXD_REASON"] == "denied" && denied["SANDBOXD_POLICY"] == "mine")
        #expect(denied["SANDBOXD_KIND"] == "command" && denied["SANDBOXD_RULE"]?.hasPrefix("mine.yaml:4") == true)
        #expect(denied["SANDBOXD_RUN"]?.isEmpty == false && denied["SANDBOXD_UID"] == "0")
        await #expect(throws: ServiceError.self) { try await client.run("true", policy: "none") }
        #expect(try record("run refused")["SANDBOXD_REASON"] == "unknown_policy")
        await #expect(throws: ServiceError.self) { try await client.run("true", limits: Limits(memoryBytes: 1 << 50)) }
        #expect(try record("run refused")["SANDBOXD_REASON"] == "limit_not_allowed")
        await #expect(throws: ServiceError.self) { try await client.run("true", workspace: "/secret-workspace") }
        let notStarted = try record("run ")
        #expect(["not_started", "workspace_not_found"].contains(notStarted["SANDBOXD_REASON"]), "\(notStarted)")
        await #expect(throws: ServiceError.self) { try await client.run("/secret-program") }
        let absent = try record("run refused")
        #expect(absent["SANDBOXD_REASON"] == "not_started" && absent["SANDBOXD_STAGE"] == "command_execute")
        // As the client was told.
        #expect(absent["SANDBOXD_ERRNO"] == "ENOENT" && absent["SANDBOXD_ERROR"] == "program_not_found")
    }

    @Test func `nothing of what a caller says is in a record but the policy's name, and that in its field`()
        async throws
    {
        let client = try await service.client()
        let evil = [
            "\nMESSAGE=forged", "\nPRIORITY=0", "\u{1B}[31m", "\u{202E}x", "\u{2066}y", "\r\nz", "a SANDBOXD_UID=0",
        ]
        for text in evil {
            let secret = "secret\(text)"
            let request = RunRequest(
                argv: ["sh", "-c", ": \(secret)", secret], cwd: secret, environment: ["SECRET": secret])
            _ = try? await client.run(request)
            var refused = RunRequest(argv: [secret], policy: "odd\(text)")
            _ = try? await client.run(refused)
            refused.policy = nil
            refused.workspace = "/\(secret)"
            _ = try? await client.run(refused)
            _ = try? await client.run(RunRequest(argv: ["rm", secret], policy: "mine"))
        }
        client.close()
        let records = try journal.all(pause: 1000)
        #expect(records.count >= 4 * evil.count)
        for record in records {
            for name in ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"] { #expect(record.count(of: name) == 1) }
            #expect(["5", "6"].contains(record["PRIORITY"]), "\(record)")
            for (name, value) in record.fields {
                let text = String(decoding: value, as: UTF8.self)
                #expect(!text.contains("secret"), "\(name)=\(text)")
                #expect(!text.unicodeScalars.contains { [.control, .format].contains($0.properties.generalCategory) })
            }
            #expect(
                record["SANDBOXD_UID"] == "0" || record["SANDBOXD_UID"] == nil
                    || record["MESSAGE"]?.hasPrefix("serving") == true)
        }
        let odd = records.compactMap { $0["SANDBOXD_POLICY"] }.filter { $0.hasPrefix("odd") }
        #expect(odd.count == evil.count && odd.first == "odd\\u{a}MESSAGE=forged")
    }

    /// Also whose runs do not come about.
    @Test(
        arguments: [("none", nil, "unknown_policy"), ("default", "/nonexistent", "not_started")]
            as [(String, String?, String)])
    func `who is refused too often is counted`(_ policy: String, _ workspace: String?, _ reason: String) async throws {
        let client = try await service.client()
        _ = try journal.all(pause: 1000)
        let request = RunRequest(argv: ["true"], policy: policy, workspace: workspace)
        for _ in 0..<300 { _ = try? await client.run(request) }
        try await Task.sleep(for: .seconds(1))
        _ = try? await client.run(request)
        let records = try journal.all(pause: 500)
        func sum(_ field: String) -> Int { records.compactMap { $0[field].flatMap { Int($0) } }.reduce(0, +) }
        let recorded = records.count { $0["SANDBOXD_REASON"] == reason }
        let (unrecorded, dropped) = (sum("SANDBOXD_UNRECORDED"), sum("SANDBOXD_COUNT"))
        // The socket of a host without systemd keeps few: what it does not take is counted too.
        #expect(recorded + unrecorded + dropped == 301, "\(recorded), \(unrecorded), \(dropped)")
        // A slow host refuses fewer in a second than may be recorded.
        #expect((unrecorded >= 100 || Slowness.factor > 1) && recorded > 0)
    }

    @Test func `a socket that is not there is an error where it was asked for`() throws {
        let ran = try Ran([
            BuiltProducts.path("sandboxd"), "--socket", "\(directory.path)/s", "--journal-socket", "/nonexistent",
        ])
        #expect(
            ran.status == 69 && ran.errors.contains("failed to connect to the journal at /nonexistent: ENOENT"),
            "\(ran.errors)")
    }

    @Test func `a stream that only says it is the journal's is written to`() throws {
        let ran = try Ran(
            [BuiltProducts.path("sandboxd"), "--socket", "\(directory.path)/s", "--group", "no-such-group"],
            environment: ["PATH=/usr/bin:/bin", "JOURNAL_STREAM=1:1"])
        #expect(ran.status == 67 && ran.errors.contains("no-such-group"))
    }
}
