import Foundation
import Glibc
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// Self-proof with everything real: daemon, launcher, sandboxes of this host.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct VerifyTests {
    /// Policies that differ in everything that a probe looks at.
    private static let policies = [
        "loop": "version: 1\nextends: default\ndescription: d\nnetwork: loopback\n",
        "reading": "version: 1\nextends: default\ndescription: d\nworkspace: { mode: read, execute: false }\n",
        "hiding":
            "version: 1\nextends: default\ndescription: d\nfilesystem: { hide: [/usr/share/doc, /usr/bin/env] }\n",
        "denying":
            "version: 1\nextends: default\ndescription: d\nsyscalls: { deny: [ptrace, mlock, fork, kill, setuid, statx, execveat, umask] }\n",
        "allowing": "version: 1\nextends: default\ndescription: d\nsyscalls: { allow: [perf_event_open, syslog] }\n",
        "listing":
            "version: 1\nextends: python\ndescription: d\ncommands: { execute: [/usr/bin/python3, /bin/sh] }\n",
        "small":
            "version: 1\nextends: deny-all\ndescription: d\nlimits: { memory: 4MiB, cpus: 0.05, processes: 2, file-size: 1B }\n",
    ]

    private func fixture() throws -> (ServiceFixture, TemporaryDirectory) {
        let directory = TemporaryDirectory()
        var options: [String] = []
        for (name, text) in Self.policies.sorted(by: { $0.key < $1.key }) {
            try directory.write("\(name).yaml", text)
            options += ["--policy-file", "\(directory.path)/\(name).yaml"]
        }
        return (try ServiceFixture(options: options), directory)
    }

    @Test func `every policy's confinement holds on this host, built-in ones and others`() async throws {
        let (fixture, _) = try fixture()
        let client = try await fixture.client()
        let verdicts = try await client.verify()
        #expect(Set(verdicts.map(\.policy)).isSuperset(of: ["deny-all", "default"] + Self.policies.keys))
        for verdict in verdicts {
            #expect(verdict.state == .verified, "\(verdict.policy): \(verdict.reason ?? "") \(verdict.checks)")
            #expect(verdict.checkCount > 100 && verdict.checks.isEmpty)
        }
        let log = try fixture.directory.read("log")
        for verdict in verdicts { #expect(log.contains("policy verified") && log.contains("policy=\(verdict.policy)")) }
    }

    @Test func `what is observed comes from inside`() async throws {
        let (fixture, _) = try fixture()
        let client = try await fixture.client()
        func observed(_ policy: String, _ check: String) async throws -> String? {
            try await client.verify(policy: policy, allChecks: true).first?.checks.first { $0.name == check }?.observed
        }
        #expect(try await observed("loop", "attempt.connect_loopback") == "ECONNREFUSED")
        #expect(try await observed("default", "attempt.connect_loopback") != "ECONNREFUSED")
        #expect(try await observed("reading", "attempt.execute_tmp") == "EACCES")
        #expect(try await observed("default", "attempt.execute_tmp") == "ENOEXEC")
    }

    @Test func `sandboxctl verify prints a table, every check, and JSON`() throws {
        let (fixture, _) = try fixture()
        let table = try Ran(sandboxctl: ["verify", "--socket", fixture.socket])
        #expect(table.status == 0 && table.errors.isEmpty)
        for name in ["POLICY", "deny-all", "default"] + Self.policies.keys {
            #expect(table.output.split(separator: "\n").contains { $0.hasPrefix(name + " ") }, "\(name)")
        }
        let all = try Ran(sandboxctl: ["verify", "default", "--all-checks", "--socket", fixture.socket])
        #expect(all.status == 0 && all.output.contains("attempt.io_uring_setup") && all.output.contains("holds"))
        let json = try Ran(sandboxctl: ["verify", "deny-all", "--json", "--socket", fixture.socket])
        let verdicts = try JSONDecoder().decode([PolicyVerification].self, from: Data(json.output.utf8))
        #expect(verdicts.map(\.policy) == ["deny-all"] && verdicts.first?.state == .verified)
        let unknown = try Ran(sandboxctl: ["verify", "nobody", "--socket", fixture.socket])
        #expect(unknown.status == 125 && unknown.errors.contains("no policy 'nobody'"))
        let usage = try Ran(sandboxctl: ["verify", "--all-checks", "--socket", fixture.socket])
        #expect(usage.status == 125)
    }

    @Test func `without a service a private daemon is asked, also about a file`() throws {
        let directory = TemporaryDirectory()
        try directory.write("mine.yaml", "version: 1\nextends: default\ndescription: d\nnetwork: loopback\n")
        let ran = try Ran(
            sandboxctl: ["verify", "--standalone", "--all-checks", "\(directory.path)/mine.yaml"])
        #expect(ran.status == 0, "\(ran.output)\(ran.errors)")
        #expect(ran.output.contains("mine") && ran.output.contains("ECONNREFUSED"))
    }

    @Test func `a daemon without its probe does not start`() throws {
        let directory = TemporaryDirectory()
        for name in ["sandboxd", "sandbox-launcher", "sandbox-init"] {
            #expect(try Ran(["/bin/cp", BuiltProducts.path(name), directory.path]).status == 0)
        }
        let ran = try Ran(["\(directory.path)/sandboxd", "--socket", "\(directory.path)/s"])
        #expect(ran.status == 69 && ran.errors.contains("sandbox-probe"))
    }
}
