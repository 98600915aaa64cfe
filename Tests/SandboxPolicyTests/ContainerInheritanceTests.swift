import LaunchPlan
import SandboxPolicy
import Testing

@Suite("Containers: inheritance")
struct ContainerInheritanceTests {
    @Test("a network of the engine's takes the place of an inherited one, and the other way round")
    func networks() throws {
        let own = "version: 1\nbackend: docker\ndocker: { image: x, network: web }\n"
        let set = try load([
            "own": own + "extends: default\n", "off": "version: 1\nextends: own\nnetwork: none\n",
            "inside": "version: 1\nextends: own\nnetwork: loopback\n",
            "again": "version: 1\nextends: off\ndocker: { network: other }\n",
        ])
        func network(_ name: String) throws -> String? { try #require(set[name]).compiled().container?.network }
        #expect(try network("own") == "web" && set["own"]?.origin(of: "network") == nil)
        #expect(try network("off") == nil && set["off"]?.compiled().loopback == false)
        #expect(try network("inside") == nil && set["inside"]?.compiled().loopback == true)
        #expect(try network("again") == "other")
        #expect(set["off"]?.origin(of: "docker.network") == nil)
    }

    @Test("both in one file contradict each other, whatever the word is", arguments: ["none", "loopback"])
    func contradiction(word: String) {
        #expect(
            problems(containerBase + "docker: { image: x, network: web }\nnetwork: \(word)\n") == [
                "5:21: 'docker.network' (bad.yaml:5) joins a network of the engine's, and 'network: \(word)' (bad.yaml:6) has "
                    + "none; leave one of them out"
            ])
    }

    @Test("a final network is not widened by the engine's")
    func finalNetwork() {
        let child = "version: 1\nextends: base\nbackend: docker\ndocker: { image: x, network: web }\n"
        let found = problems(["base": minimal + "network: loopback\nfinal: [network]\n", "own": child])
        #expect(
            found == [
                "4:21: 'network' may only be narrowed: a network of the engine's is wider (final in base.yaml:5, its value is "
                    + "from base.yaml:4)"
            ])
        #expect(problems(["base": minimal + "final: [network]\n", "own": child]).count == 1)
        #expect(problems(["base": minimal + "network: loopback\n", "own": child]) == [])
        // Below the engine's network everything is narrower, and nothing else is.
        let base = containerBase + "docker: { image: x, network: web }\nfinal: [network, docker]\n"
        for line in ["network: none", "network: loopback", "docker: { network: web }"] {
            #expect(problems(["base": base, "own": "version: 1\nextends: base\n\(line)\n"]) == [], "\(line)")
        }
        let other = problems(["base": base, "own": "version: 1\nextends: base\ndocker: { network: db }\n"])
        #expect(other.count == 2 && other.allSatisfy { $0.hasPrefix("3:11: ") }, "\(other)")
    }

    // MARK: - Final

    @Test(
        "final: a container's keys",
        arguments: [
            ("image: x", "image: x", "image: y", "'docker.image' may only be narrowed: 'y' is not 'x'"),
            (
                "image: x, pull: missing", "pull: never", "", ""
            ),
            (
                "image: x", "pull: never", "pull: missing",
                "'docker.pull' may only be narrowed: 'missing' is wider than 'never'"
            ),
            ("image: x, user: 7", "user: 7", "user: 8", "'docker.user' may only be narrowed: '8' is not '7'"),
            // Without the key each run has a user of its own, and no network.
            ("image: x", "image: x", "user: 8", "'docker.user' may only be narrowed: '8' is added"),
            ("image: x", "image: x", "network: web", "'docker.network' may only be narrowed: 'web' is added"),
            ("image: x, ahead: 3", "ahead: 2", "ahead: 4", "'docker.ahead' may only be narrowed: 4 is more than 3"),
            ("image: x", "ahead: 0", "ahead: 1", "'docker.ahead' may only be narrowed: 1 is more than 0"),
        ])
    func finals(parent: String, narrower: String, wider: String, reason: String) {
        let base = containerBase + "docker: { \(parent) }\nfinal: [docker]\n"
        func found(_ base: String, _ docker: String) -> [String] {
            problems(["base": base, "child": "version: 1\nextends: base\ndocker: { \(docker) }\n"])
        }
        #expect(found(base, narrower) == [])
        guard !wider.isEmpty else { return }
        let refused = found(base, wider)
        #expect(refused.count == 1 && refused[0].contains("\(reason) (final in base.yaml:6"), "\(refused)")
        #expect(found(base.replacing("final: [docker]\n", with: ""), wider) == [])
    }

    @Test("final: a backend stays, and neither is narrower")
    func finalBackend() {
        let child = "version: 1\nextends: base\nbackend: docker\ndocker: { image: x }\n"
        for base in [minimal, minimal + "backend: native\n"] {
            let found = problems(["base": base + "final: [backend]\n", "own": child])
            #expect(
                found.count == 1
                    && found[0].hasPrefix(
                        "3:1: 'backend' may only be narrowed: 'docker' is not 'native' (final in base.yaml:"),
                "\(found)")
            #expect(problems(["base": base, "own": child]) == [])
        }
        let base = containerBase + "docker: { image: x }\nfinal: [backend]\n"
        let native = problems(["base": base, "own": "version: 1\nextends: base\nbackend: native\n"])
        #expect(native.contains { $0.contains("'backend' may only be narrowed: 'native' is not 'docker'") })
        #expect(problems(["base": base, "own": "version: 1\nextends: base\nbackend: docker\n"]) == [])
    }
}
