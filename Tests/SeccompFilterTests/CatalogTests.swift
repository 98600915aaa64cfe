import SeccompFilter
import Testing

/// The groups and what they say about each call.
@Suite struct CatalogTests {
    @Test func everyKnownCallIsInOneGroup() {
        let known = SystemCallCatalog.known
        #expect(known.count > 300)
        let missing = known.filter { SystemCallCatalog.group(of: $0) == nil }
        #expect(missing == [])
        let all = SystemCallCatalog.groups.flatMap(\.calls)
        #expect(Set(all).count == all.count, "a call is in two groups")
    }

    @Test func noGroupIsCalledLikeACall() {
        for group in SystemCallCatalog.groups { #expect(!SystemCallCatalog.exists(group.name), "\(group.name)") }
    }

    @Test func everyNameExists() {
        for name in SystemCallCatalog.names { #expect(SystemCallCatalog.exists(name), "\(name)") }
    }

    @Test func entriesDecideBeforeTheBaseList() {
        func kind(_ call: String, allow: [String] = [], deny: [String] = []) -> SystemCallDecision.Kind {
            SystemCallCatalog.decide(call, allow: allow, deny: deny).kind
        }
        #expect(kind("read") == .allowed)
        #expect(kind("socket") == .conditional)
        #expect(kind("userfaultfd") == .refused)
        #expect(kind("clone3") == .missing)
        #expect(kind("unshare") == .neverAllowed)
        #expect(kind("unshare", allow: ["namespaces"]) == .neverAllowed)
        #expect(kind("ptrace", deny: ["debug"]) == .refused)
        #expect(kind("ptrace", allow: ["ptrace"], deny: ["debug"]) == .allowed)
        #expect(kind("ptrace", allow: ["debug"], deny: ["ptrace"]) == .refused)
        #expect(kind("kcmp", allow: ["debug"]) == .allowed)
        let decision = SystemCallCatalog.decide("ptrace", allow: [], deny: ["debug"])
        #expect(decision.cause == "debug")
        #expect(decision.group == "debug")
    }

    @Test func groupsExpandToCalls() {
        let expanded = SystemCallCatalog.expand(allow: ["ptrace", "namespaces"], deny: ["debug"])
        #expect(expanded.allow == ["ptrace"])
        #expect(expanded.deny.contains("kcmp"))
        #expect(!expanded.deny.contains("ptrace"))
        #expect(SystemCallCatalog.expand(allow: ["unshare"], deny: []).allow == ["unshare"])
    }
}
