import SandboxModel
import Testing

@testable import SandboxExec

@Suite struct ExitStatusTests {
    private func status(_ reason: Outcome.Reason, code: Int32? = nil, signal: Int32? = nil) -> Int32 {
        ExitStatus.of(Outcome(reason: reason, code: code, signal: signal, message: ""))
    }

    @Test func outcomes() {
        #expect(status(.exited, code: 0) == 0)
        #expect(status(.exited, code: 42) == 42)
        #expect(status(.signaled, signal: 11) == 139)
        #expect([.wallTimeout, .cpuTimeout, .idleTimeout].map { status($0) } == [124, 124, 124])
        #expect(status(.memoryLimit) == 137)
        #expect(status(.outputLimit) == 141)
        #expect(status(.fileSizeLimit) == 153)
        #expect(status(.denied) == 126)
        #expect(status(.cancelled) == 130)
        #expect(status(.clientGone) == 125)
        #expect(status(.lost) == 125)
    }

    @Test func `whoever may try again is told when, where that is not at once`() {
        func hint(_ category: ServiceError.Category, _ milliseconds: UInt64?) -> String {
            Diagnostics.hint(ServiceError(.overloaded, "", category: category, retryAfterMilliseconds: milliseconds))
        }
        #expect(hint(.temporary, 5000) == "; try again in 5 s")
        #expect(hint(.temporary, 1001) == "; try again in 2 s")
        #expect(hint(.temporary, 1000) == "; try again in 1 s")
        #expect(hint(.temporary, 999).isEmpty && hint(.temporary, nil).isEmpty && hint(.permanent, 5000).isEmpty)
    }

    @Test func serviceErrors() {
        #expect(ExitStatus.of(ServiceError(.programNotFound, "")) == 127)
        #expect(ExitStatus.of(ServiceError(.programNotExecutable, "")) == 126)
        #expect(ExitStatus.of(ServiceError(.denied, "")) == 126)
        #expect(ExitStatus.of(ServiceError(.launchFailed, "")) == 125)
        #expect(ExitStatus.of(ServiceError(.init(rawValue: "new"), "")) == 125)
    }

    @Test func theLineNamesRuleAndHint() {
        let denial = Denial(kind: .command, rule: "python.yaml:31", subject: "rm -rf /", hint: "name a folder")
        let result = RunResult(
            id: "", policy: "", outcome: Outcome(reason: .denied, message: "rm -rf / is denied"), denials: [denial])
        #expect(OutcomeLine.of(result) == "denied: rm -rf / is denied [python.yaml:31]; name a folder")
    }

    @Test func theLineIsSilentAfterAnOrdinaryEnd() {
        let failed = Outcome(reason: .exited, code: 1, message: "")
        #expect(OutcomeLine.of(RunResult(id: "", policy: "", outcome: failed)) == nil)
        let hit = LimitHit(limit: "processes", value: 64, count: 12)
        #expect(
            OutcomeLine.of(RunResult(id: "", policy: "", outcome: failed, limitsHit: [hit]))
                == "limits were met: processes (limit 64, met 12 times)")
        let full = [
            LimitHit(limit: "tmp", value: 64 << 20, count: 1), LimitHit(limit: "tmp-inodes", value: 1000, count: 1),
        ]
        #expect(
            OutcomeLine.of(RunResult(id: "", policy: "", outcome: failed, limitsHit: full))
                == "limits were met: tmp (limit 64 MiB, full when the command ended), "
                + "tmp-inodes (limit 1000 files, full when the command ended)")
        let large = Outcome(reason: .exited, code: 153, message: "")
        #expect(
            OutcomeLine.of(RunResult(id: "", policy: "", outcome: large, limits: Limits(fileSizeBytes: 1 << 20)))
                == "status 153 is what SIGXFSZ gives: limits.file-size is 1 MiB")
        #expect(OutcomeLine.of(RunResult(id: "", policy: "", outcome: large)) == nil)
        let refused = Denial(kind: .network, rule: "default.yaml:58", subject: "192.0.2.1:443", hint: "no network")
        #expect(
            OutcomeLine.of(RunResult(id: "", policy: "", outcome: failed, denials: [refused, refused]))
                == "refused meanwhile: no network (and 1 more, see --report)")
        let ended = Outcome(reason: .exited, code: 0, message: "")
        #expect(OutcomeLine.of(RunResult(id: "", policy: "", outcome: ended, denials: [refused])) == nil)
    }
}

@Suite struct PolicySourceTests {
    @Test func filesAreToldFromNames() {
        #expect(!PolicySource(text: "python").isFile)
        #expect(PolicySource(text: "mine.yaml").isFile)
        #expect(PolicySource(text: "./mine").isFile)
        #expect(PolicySource(text: "/etc/p/mine.yaml").name == "mine")
        #expect(PolicySource(text: "./mine").name == "mine")
    }
}
