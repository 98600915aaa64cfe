import Foundation
import Glibc
import LaunchPlan
import SandboxClient
import SandboxTestSupport
import Testing

/// `sandboxctl doctor` and `version` as whole programs, with a real service and without one.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct DoctorVerbTests {
    private let service: ServiceFixture

    init() throws { service = try ServiceFixture() }

    private func ctl(_ verb: String, _ arguments: [String]) throws -> Ran {
        try Ran(sandboxctl: [verb, "--socket", service.socket] + arguments)
    }

    private struct DoctorReport: Decodable {
        struct Finding: Decodable {
            var section, name, need, detail, meaning: String
            var found: Bool
            var remedy: String?
        }
        struct Answer: Decodable {
            var possible: Bool
            var missing: [String]
        }
        var service: String?
        var sufficient: Bool
        var answers: [String: Answer]
        var findings: [Finding]
    }

    @Test func `doctor tells what a service found, and what it sees itself`() throws {
        let asked = try ctl("doctor", ["--json"])
        let report = try JSONDecoder().decode(DoctorReport.self, from: Data(asked.output.utf8))
        #expect(asked.status == 0 && report.sufficient && report.service == "sandboxd 0.1.0")
        let found = try #require(report.findings.first { $0.name == "cgroup" })
        #expect(found.found && found.need == "needed")
        #expect(report.findings.first { $0.name == "service-version" }?.found == true)
        let table = try ctl("doctor", [])
        #expect(table.status == 0 && table.output.contains(found.detail), "\(table.output)")

        let nowhere = ["PATH=/usr/bin:/bin", "SANDBOXD_SOCKET=\(service.directory.path)/no.sock"]
        let alone = try Ran([BuiltProducts.path("sandboxctl"), "doctor", "--json"], environment: nowhere)
        let own = try JSONDecoder().decode(DoctorReport.self, from: Data(alone.output.utf8))
        #expect(alone.status == 0 && own.sufficient && own.service == nil, "\(alone.output)")
        #expect(own.answers["service"]?.possible == true && own.answers["service"]?.missing == [])
        // Both mean the same hierarchy, and all programs are of one build.
        let version = found.detail.contains("v2") ? "v2" : "v1"
        #expect(own.findings.first { $0.name == "cgroup" }?.detail.hasPrefix("\(version) is used") == true)
        #expect(own.findings.filter { $0.section == "programs" && !$0.found }.map(\.name) == [])
        // One that was named must answer.
        #expect(try Ran(sandboxctl: ["doctor", "--socket", "\(service.directory.path)/no.sock"]).status == 125)
    }

    /// Not those of /etc/sandboxd/policies.
    @Test func `doctor looks at the policies of the service that answers`() throws {
        let policies = TemporaryDirectory()
        let own = try ServiceFixture(options: ["--policy-directory", policies.path])
        func finding() throws -> DoctorReport.Finding? {
            let ran = try Ran(sandboxctl: ["doctor", "--json", "--socket", own.socket])
            let report = try JSONDecoder().decode(DoctorReport.self, from: Data(ran.output.utf8))
            return report.findings.first { $0.name == "policies" }
        }
        #expect(try finding()?.detail == "0 in \(policies.path), and the built-in ones")
        try policies.write("wrong.yaml", "version: 1\nnonsense: 1\n")
        let wrong = try finding()
        #expect(wrong?.found == false && wrong?.detail.contains("\(policies.path)/wrong.yaml:") == true)
    }

    @Test func `one that is stopping says so`() async throws {
        let stopping = try ServiceFixture(options: ["--drain", "30s"])
        let client = try await stopping.client()
        let run = try await client.start(RunRequest(argv: ["sleep", "60"]))
        kill(stopping.daemon.pid, SIGTERM)
        var stats = try Ran(sandboxctl: ["stats", "--json", "--socket", stopping.socket])
        for _ in 0..<200 where !stats.output.contains("draining") {
            try await Task.sleep(for: .milliseconds(20))
            stats = try Ran(sandboxctl: ["stats", "--json", "--socket", stopping.socket])
        }
        #expect(stats.output.contains("\"draining\":true"), "\(stats)")
        let told = try Ran(sandboxctl: ["doctor", "--socket", stopping.socket])
        #expect(told.status == 1 && told.output.hasPrefix("sandboxd 0.1.0 is stopping here.\n"), "\(told.output)")
        run.cancel(now: true)
        #expect(stopping.daemon.wait() == 0)
    }

    /// The socket is there: a user whom it does not let in is told why, not that there is none.
    @Test func `one that refuses is not told as absent`() throws {
        chmod(service.directory.path, 0o755)
        let ran = try Ran(asUser: 12345, "sandboxctl", ["doctor", "--socket", service.socket])
        #expect(ran.output.hasPrefix("A service is here, and not for this user: "), "\(ran.output)")
    }

    /// Not as nobody, who has processes on many hosts: these could take part in the trial, and what they use up is not to be had.
    @Test func `root's trial is made by a user who is nobody else`() throws {
        // More processes of nobody's than the trial's user may have.
        let code = """
            import os, resource, subprocess, sys
            def become(): os.setgroups([]); os.setgid(65534); os.setuid(65534)
            children = [subprocess.Popen(["/bin/sleep", "60"], preexec_fn=become) for _ in range(30)]
            limit = lambda: resource.setrlimit(resource.RLIMIT_NPROC, (20, 20))
            try: sys.exit(subprocess.call(sys.argv[1:], preexec_fn=limit))
            finally:
                for child in children: child.kill()
            """
        let ran = try Ran(
            [
                "/usr/bin/python3", "-c", code, BuiltProducts.path("sandboxctl"), "doctor", "--json", "--socket",
                service.socket,
            ])
        let report = try JSONDecoder().decode(DoctorReport.self, from: Data(ran.output.utf8))
        let trial = try #require(report.findings.first { $0.name == "user-namespaces" })
        #expect(
            trial.found
                && trial.detail == "user \(SandboxIdentities.nobodyElse) made all namespaces, a tmpfs and a /proc",
            "\(trial)")
    }

    @Test func `doctor needs no rights`() throws {
        let ran = try Ran(asUser: 12345, "sandboxctl", ["doctor", "--json", "--for", "service"])
        // Without the programs beside it nothing can be started.
        #expect(ran.status == 1 && ran.errors == "", "\(ran.errors)")
        let report = try JSONDecoder().decode(DoctorReport.self, from: Data(ran.output.utf8))
        #expect(
            report.answers["service"]?.missing == ["sandboxd", "sandbox-launcher", "sandbox-init", "sandbox-probe"])
        let finding = try #require(report.findings.first { $0.name == "root" })
        #expect(finding.found == false && finding.detail.contains("user 12345"))
    }

    @Test func `a service that hangs does not hang doctor`() throws {
        kill(service.daemon.pid, SIGSTOP)
        defer { kill(service.daemon.pid, SIGCONT) }
        let start = ContinuousClock.now
        let ran = try ctl("doctor", [])
        #expect(ran.status == 1 && ran.output.contains("it listens and said nothing for 3000 ms"), "\(ran.output)")
        #expect(ContinuousClock.now - start < .seconds(30))
        let version = try ctl("version", ["--json"])
        #expect(version.status == 0 && version.output.contains("\"installed\":\"sandboxd 0.1.0\""), "\(version.output)")
    }

    @Test func `version tells of the service, of the programs, and of policies`() throws {
        struct Report: Decodable {
            struct Policy: Decodable { var name, digest: String }
            var sandboxctl, build, kernel, machine, libseccomp: String
            var installed, sandboxd: String?
            var `protocol`: Int?
            var policies: [Policy]?
        }
        let told = try JSONDecoder().decode(Report.self, from: Data(ctl("version", ["--json"]).output.utf8))
        #expect(told.sandboxctl == "0.1.0" && told.sandboxd == "sandboxd 0.1.0" && told.installed == "sandboxd 0.1.0")
        #expect(told.protocol == 1 && told.policies?.contains { $0.name == "default" && $0.digest.count == 16 } == true)
        let alone = try Ran(sandboxctl: ["version", "--json", "--socket", "/dev/null"])
        let own = try JSONDecoder().decode(Report.self, from: Data(alone.output.utf8))
        #expect(alone.status == 0 && own.sandboxd == nil && own.policies == nil && own.sandboxctl == "0.1.0")
    }
}
