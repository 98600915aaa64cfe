import Glibc
import SandboxModel
import SandboxPolicy
import SandboxWire
import Testing

/// `tenants` and the messages about policies, over a whole server. The caller is whoever runs the tests.
@Suite struct PolicyMessageTests {
    private static let base = """
        version: 1
        extends: default

        """

    private func server(_ texts: [String: String]) throws -> ServerFixture {
        let files = texts.map { ($0.key, Array((Self.base + $0.value + "\n").utf8)) }
        return try ServerFixture(policies: PolicySet.load(files: files, over: PolicySet.builtIn()))
    }

    @Test func aCallerWhoIsNotListedIsDeniedWithTheRule() throws {
        let me = geteuid()
        let server = try server([
            "mine": "tenants: { users: [\(me)] }", "group": "tenants: { groups: [\(getegid())] }",
            "others": "tenants: { users: [\(me + 1)], groups: [4000000000] }", "nobody": "tenants: { users: [] }",
        ])
        for (policy, admitted) in [("mine", true), ("group", true), ("others", false), ("nobody", false)] {
            let client = try server.connect()
            // A limit that is wider than the policy's: whoever may not use the policy is not told.
            let limits = admitted ? Limits() : Limits(memoryBytes: 1 << 62)
            let request = RunRequest(argv: ["exit", "0"], policy: policy, limits: limits)
            try client.send(.run(channel: 1, request: request, window: nil))
            let ended = try client.finish()
            guard !admitted else {
                #expect(ended.result?.outcome.reason == .exited, "\(policy) \(ended)")
                continue
            }
            let result = try #require(ended.result)
            #expect(!ended.started && result.outcome.reason == .denied && result.limits == Limits())
            #expect(result.denials.map(\.kind) == [.tenant] && result.denials[0].rule == "\(policy).yaml:3")
            #expect(result.denials[0].subject == "uid \(me)" && result.denials[0].hint?.isEmpty == false)
        }
    }

    @Test func policiesAreListedAndShown() throws {
        let server = try server(["own": "description: Mine", "nobody": "tenants: { users: [] }"])
        let client = try server.connect()
        try client.send(.policies(channel: 7))
        guard case .policies(7, let policies)? = try client.message() else { throw Silence() }
        let names = try PolicySet.builtIn().names + ["nobody", "own"]
        // Root sees all of them.
        #expect(policies.map(\.name) == names.sorted().filter { $0 != "nobody" || geteuid() == 0 })
        let own = try #require(policies.first { $0.name == "own" })
        #expect(own.description == "Mine" && own.origin == "own.yaml" && own.effective == nil)
        #expect(policies.first { $0.name == "python" }?.origin == "built-in")

        try client.send(.policy(channel: 7, name: "own"))
        guard case .policy(7, let shown)? = try client.message() else { throw Silence() }
        #expect(shown.digest == own.digest)
        let read = try EffectivePolicy.read(name: "own", text: shown.effective ?? "", digest: own.digest)
        #expect(read.origin(of: "limits.memory")?.file == "default.yaml")

        try client.send(.policy(channel: 7, name: "onw"))
        guard case .error(7, let error)? = try client.message() else { throw Silence() }
        #expect(error.code == .unknownPolicy && error.message.hasPrefix("no policy 'onw'; there are build, "))
    }

    @Test func theServerAnnouncesTheMessages() throws {
        let client = try server([:]).connect(hello: false)
        try client.send(.hello(version: 1, capabilities: []))
        guard case .hello(1, let capabilities, _)? = try client.message() else { throw Silence() }
        #expect(capabilities.contains("policies"))
    }

    @Test func aChannelInUseIsNotAnswered() throws {
        let client = try server([:]).connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil))
        try client.send(.policies(channel: 1))
        var last: ServerMessage?
        while let message = try client.message() { last = message }
        guard case .error(nil, let error)? = last else { throw Silence() }
        #expect(error.code == .protocolViolation)
    }
}
