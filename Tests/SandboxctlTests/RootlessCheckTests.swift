import Glibc
import LinuxSystem
import SandboxModel
import Testing

@testable import sandboxctl_verbs

/// What `doctor` says of ordinary users.
@Suite struct RootlessCheckTests {
    private func findings(
        uid: UInt32 = 1000, _ lack: RootlessFacts.Lack? = nil, _ barrier: UserNamespaceBarrier? = nil,
        _ group: RootlessFacts.Group = .none("no manager")
    ) -> [String: HostReport.Finding] {
        let facts = RootlessFacts(uid: uid, lack: lack, barrier: barrier, group: group)
        return Dictionary(uniqueKeysWithValues: RootlessChecks.findings(of: facts).map { ($0.name, $0) })
    }

    @Test func `a host that forbids it is told by its setting, with the remedy`() throws {
        let barrier = UserNamespaceBarrier.first {
            $0 == "/proc/sys/kernel/apparmor_restrict_unprivileged_userns" ? "1\n" : "15000\n"
        }
        #expect(barrier?.setting == "kernel.apparmor_restrict_unprivileged_userns is 1")
        let found = try #require(findings(.capabilities(errno: EACCES), barrier)["user-namespaces"])
        #expect(!found.isFound && found.detail.contains("EACCES") && found.detail.contains("apparmor"))
        #expect(found.remedy == barrier?.remedy)
        // Root is told of it for the others.
        #expect(findings(uid: 0, nil, barrier)["user-namespaces"]?.isFound == false)
        #expect(UserNamespaceBarrier.first { $0.hasSuffix("max_user_namespaces") ? "0" : nil } != nil)
        #expect(UserNamespaceBarrier.first { _ in nil } == nil)
    }

    @Test func `a container whose proc is covered`() {
        let found = findings(.ownProc(errno: EPERM))["user-namespaces"]
        #expect(found?.isFound == false && found?.detail.contains("/proc") == true && found?.remedy != nil)
    }

    @Test func `what a run will have to accept`() {
        let none = findings()
        #expect(none["user-namespaces"]?.isFound == true && none["user-group"]?.isFound == false)
        let all = "--accept-weaker own-uid --accept-weaker memory --accept-weaker cpus"
        #expect(none["without-root"]?.detail.hasSuffix(all) == true)
        let some = findings(nil, nil, .fromManager(controllers: ["memory", "pids"]))
        #expect(some["user-group"]?.remedy?.contains("Delegate=cpu") == true)
        #expect(some["without-root"]?.detail.hasSuffix("asks for --accept-weaker own-uid --accept-weaker cpus") == true)
        let most = findings(nil, nil, .own(controllers: ["cpu", "memory", "pids"]))
        #expect(most["without-root"]?.detail.hasSuffix("asks for --accept-weaker own-uid") == true)
    }

    @Test func `this host can be looked at`() {
        let facts = RootlessFacts.current(runtimeDirectory: nil)
        #expect(facts.uid == geteuid())
        if facts.uid == 0 { #expect(facts.lack == nil) }
    }
}
