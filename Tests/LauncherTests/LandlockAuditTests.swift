import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// Landlock's refusals by way of the host's audit messages.
@Suite(.needs(.root), .serialized) struct LandlockAuditTests {
    private func message(_ type: UInt16, _ text: String) -> AuditStream.Message {
        AuditStream.Message(type: type, text: Array(text.utf8))
    }

    @Test func recordsAreRead() {
        let path = "audit(1.2:3): domain=115ef88c1 blockers=fs.make_reg,fs.refer path=\"/etc/x\" dev=\"vda\" ino=7"
        #expect(
            LandlockRecord(message(1423, path))
                == .refusal(domain: "115ef88c1", rights: ["fs.make_reg", "fs.refer"], object: "/etc/x"))
        let digits = "audit(1.2:3): domain=1 blockers=fs.read_file path=2F6120226222 dev=\"vda\""
        #expect(
            LandlockRecord(message(1423, digits))
                == .refusal(domain: "1", rights: ["fs.read_file"], object: "/a \"b\""))
        let port = "audit(1.2:3): domain=1 blockers=net.bind_tcp src=80 daddr=127.0.0.1 dest=443"
        #expect(
            LandlockRecord(message(1423, port))
                == .refusal(domain: "1", rights: ["net.bind_tcp"], object: "127.0.0.1:443"))
        let domain = "audit(1.2:3): domain=1 status=allocated mode=enforcing pid=7 uid=4242 exe=\"/x uid=0\" comm=\"y\""
        #expect(LandlockRecord(message(1424, domain)) == .domain("1", uid: 4242))
        #expect(LandlockRecord(message(1424, "audit(1.2:3): domain=1 status=deallocated denials=6")) == nil)
    }

    @Test(arguments: [
        "", "=", "domain", "domain=", "blockers=x", "\"", "domain=\"", "a=b =c  =", "path=2F6", "path=ZZ",
    ])
    func garbageIsNoRecord(_ text: String) {
        #expect(LandlockRecord(message(1424, text)) == nil)
        _ = LandlockRecord(message(1423, text))
        #expect(LandlockRecord(message(1300, "domain=1 blockers=x")) == nil)
    }

    /// Audit is the host's: it is switched on for this one test and then set back.
    @Test(.needs(.landlockAudit)) func refusalsOfAFileAreReported() throws {
        let wasEnabled = try AuditStream.isEnabled()
        try setAudit(true)
        defer { if !wasEnabled { try? setAudit(false) } }
        var policy = CompiledPolicy.testing()
        policy.writeExecuteMemory = false
        let harness = try LauncherHarness.ready(policy, audit: true)
        let script = """
            import time
            for i in range(3):
              try: open('/proc/self/comm','w')
              except OSError as e: print(e.errno)
            time.sleep(0.3)
            """
        let result = try harness.run(["/usr/bin/python3", "-c", script])
        #expect(result.output == "\(EACCES)\n\(EACCES)\n\(EACCES)\n")
        let denials = result.report?.denials.filter { $0.right == "fs.write_file" } ?? []
        #expect(denials.map(\.kind) == [.path])
        #expect(denials.first?.subject.hasSuffix("/comm") == true, "\(denials)")
        #expect(denials.first?.count == 3)
    }

    @Test func withoutAuditItIsRefused() throws {
        guard try !AuditStream.isEnabled() else { return }
        let harness = try LauncherHarness()
        try harness.send(.audit)
        guard case .auditRefused(let failure) = try harness.next() else {
            Issue.record("taken")
            return
        }
        #expect(failure.stage == .audit)
    }

    /// AUDIT_SET of `struct audit_status`: only a test does this.
    private func setAudit(_ enabled: Bool) throws {
        let script = """
            import socket,struct
            s=socket.socket(16,socket.SOCK_RAW,9); s.bind((0,0))
            p=struct.pack('10I',1,\(enabled ? 1 : 0),*[0]*8)
            s.send(struct.pack('IHHII',16+len(p),1001,5,1,0)+p); s.settimeout(2); s.recv(8192)
            """
        try StartedProgram(["/usr/bin/python3", "-c", script], descriptors: [0, 1, 2]).wait()
        try #require(try AuditStream.isEnabled() == enabled)
    }
}
