import SandboxModel
import SandboxPolicy
import Testing

@Suite("Tenants")
struct TenantTests {
    private static let accounts = Accounts(
        user: { ["root": 0, "alice": 1000][$0] }, group: { ["staff": 50, "agents": 60][$0] })

    private func tenants(_ line: String) throws -> Policy {
        let set = try load(["own": minimal + line + "\n"]).resolvingTenants(with: Self.accounts)
        return try #require(set["own"])
    }

    private func admits(_ policy: Policy, _ uid: UInt32, _ gid: UInt32 = 9999, _ groups: [UInt32] = []) -> Bool {
        policy.refusal(uid: uid, gid: gid, groups: groups) == nil
    }

    @Test("everybody, nobody, and who is named; root is a caller like others")
    func who() throws {
        let open = try tenants("")
        #expect(admits(open, 0) && admits(open, 12345))
        let nobody = try tenants("tenants: { users: [] }")
        #expect(!admits(nobody, 0) && !admits(nobody, 12345))
        let some = try tenants("tenants: { users: [alice, 7], groups: [staff, 61] }")
        #expect(admits(some, 1000) && admits(some, 7))
        #expect(admits(some, 1, 50) && admits(some, 1, 1, [2, 61]))
        #expect(!admits(some, 0) && !admits(some, 1, 1, [60]) && !admits(some, 50) && !admits(some, 1, 1000, [7]))
        #expect(admits(try tenants("tenants: { users: [root] }"), 0))
    }

    @Test("the refusal names the rule and says what to do")
    func refusal() throws {
        let denial = try #require(try tenants("tenants: { groups: [agents] }").refusal(uid: 5, gid: 5, groups: []))
        #expect(denial.kind == .tenant && denial.rule == "own.yaml:4" && denial.subject == "uid 5")
        #expect(denial.hint == "policy own is for other users; ask its operator, or use another policy")
    }

    @Test("names that nobody resolved, or that the host lacks, open nothing")
    func unresolved() throws {
        let set = try load(["own": minimal + "tenants: { users: [alice, bob], groups: [wheel] }\n"])
        let unresolved = try #require(set["own"])
        #expect(!admits(unresolved, 1000))
        let errors = #expect(throws: PolicyErrors.self) { try set.resolvingTenants(with: Self.accounts) }
        #expect(
            errors?.diagnostics.map { "\($0.location.line):\($0.location.column) \($0.message)" } == [
                "4:27 'tenants.users': this host has no user 'bob'",
                "4:42 'tenants.groups': this host has no group 'wheel'",
            ])
        #expect(errors?.diagnostics.first?.sourceLine == "tenants: { users: [alice, bob], groups: [wheel] }")
    }

    @Test("inherited, and opened by nobody below")
    func inherited() throws {
        let base = minimal + "tenants: { groups: [staff] }\n"
        let set = try load(["base": base, "own": "version: 1\nextends: base\n"]).resolvingTenants(with: Self.accounts)
        let own = try #require(set["own"])
        #expect(admits(own, 1, 50) && !admits(own, 1000))
        #expect(own.refusal(uid: 1, gid: 1, groups: [])?.rule == "base.yaml:4")
        // `final` on one of the keys holds the other too: it lets in more users just the same.
        let closed = base + "final: [tenants.groups]\n"
        #expect(
            problems(["base": closed, "own": "version: 1\nextends: base\ntenants: { users: [alice] }\n"]).count == 1)
        #expect(problems(["base": closed, "own": "version: 1\nextends: base\ntenants: { groups: [] }\n"]) == [])
    }
}
