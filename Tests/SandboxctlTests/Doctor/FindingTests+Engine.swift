import Glibc
import Testing

@testable import sandboxctl_verbs

extension FindingTests {
    private static func answer(_ answer: EngineFacts.Answer) -> @Sendable (inout FakeHost) -> Void {
        { $0.rest.engine = EngineFacts(answer: answer) }
    }

    private static let socket = EngineNeed.standardSocket
    private static let unit = "/usr/lib/systemd/system/docker.service"

    static let engineLacks = [
        Lack("engine-socket", detail: "there is no /run/docker.sock", remedy: "install Docker 20.10 or newer") {
            $0.nodes[socket] = nil
        },
        Lack("engine-socket", detail: "there is no /run/docker.sock", remedy: "apt-get install docker.io;") {
            $0.nodes[socket] = nil
            $0.nodes["/usr/bin/apt-get"] = FakeHost.program
        },
        Lack("engine-socket", detail: "is no socket", remedy: "systemctl enable --now docker.socket docker.service") {
            $0.nodes[socket]?.kind = .regular
            $0.nodes[unit] = FakeHost.program
        },
        // By what the service is told.
        Lack("engine-socket", detail: "there is no /run/other.sock", remedy: "--docker-socket PATH") {
            $0.rest.serviceArguments = ["--docker-socket", "/run/other.sock"]
        },
        Lack("engine-socket", detail: "there is no /run/third.sock", remedy: "--docker-socket PATH") {
            $0.files["/etc/default/sandboxd"] = "DOCKER_HOST=unix:///run/third.sock\n"
        },
        Lack("engine-socket", detail: "there is no /run/fourth.sock", remedy: "--docker-socket PATH") {
            $0.rest.caller.engine = "unix:///run/fourth.sock"
        },
        Lack("engine-socket", detail: "there is no tcp://127.0.0.1:2375", remedy: "--docker-socket PATH") {
            $0.rest.caller.engine = "tcp://127.0.0.1:2375"
        },
        Lack(
            "engine-group", detail: "in the group docker, and root by that: agent, other",
            remedy: "gpasswd -d agent docker; gpasswd -d other docker"
        ) {
            $0.files["/etc/group"] =
                $0.files["/etc/group"]?.replacing("docker:x:994:", with: "docker:x:994:agent,root,other")
        },
        Lack("engine-group", detail: "in the group docker, and root by that: builder", remedy: nil) {
            $0.files["/etc/passwd"]? += "builder:x:1001:994::/:\n"
        },
        Lack("engine-group", detail: "everybody may write to /run/docker.sock", remedy: "chmod o-rw /run/docker.sock") {
            $0.nodes[socket]?.mode = 0o666
        },
        Lack(
            "engine", detail: "there is no /run/docker.sock", remedy: "install Docker 20.10 or newer, and start it",
            answer(.unreachable(ENOENT))),
        Lack("engine", detail: "nobody answers at /run/docker.sock: ECONNREFUSED", remedy: "systemctl restart docker") {
            $0.rest.engine = EngineFacts(answer: .unreachable(ECONNREFUSED))
            $0.nodes[unit] = FakeHost.program
        },
        Lack(
            "engine", detail: "did not answer within 3000 ms", remedy: "start the engine again",
            answer(.silent(milliseconds: 3000))),
        Lack("engine", detail: "is no Docker Engine", remedy: "--docker-socket PATH", answer(.incomprehensible)),
        Lack(
            "engine", detail: "its interface is 1.40, and 1.41 is needed", remedy: "install Docker 20.10 or newer",
            answer(.answers(interface: "1.40"))),
        Lack("engine", detail: "its interface is odd", remedy: "install Docker", answer(.answers(interface: "odd"))),
        Lack("engine", detail: "(name=userns)", remedy: "take userns-remap out of /etc/docker/daemon.json") {
            $0.rest.engine?.security = ["name=apparmor", "name=userns"]
        },
        Lack("engine", detail: "(name=rootless)", remedy: "an engine that root runs") {
            $0.rest.engine?.security = ["name=rootless"]
        },
        Lack("engine-images", detail: "not there: tools:1 of policy tools", remedy: "docker pull tools:1") {
            $0.rest.engine?.images = ["tools:1": false]
        },
        Lack("engine-images", detail: "not there: sha256:", remedy: "docker load") {
            let id = "sha256:" + String(repeating: "a", count: 64)
            $0.rest.engine?.images = [id: false]
            $0.files["/etc/sandboxd/policies/tools.yaml"] =
                "version: 1\nextends: default\nbackend: docker\ndocker: { image: \"\(id)\" }\n"
        },
        Lack("engine-networks", detail: "not there: lab of policy tools", remedy: "docker network create lab") {
            $0.rest.engine?.networks = ["lab": false]
        },
    ]

    @Test func ofNoEngineNothingIsToldWhereNoPolicyHasOne() {
        var host = FakeHost()
        host.files["/etc/sandboxd/policies/tools.yaml"] = "version: 1\nextends: default\n"
        // One that is broken for other reasons.
        host.nodes[EngineNeed.standardSocket] = nil
        #expect(host.findings.allSatisfy { $0.section != .engine })
        #expect(HostChecks.engineNeed(host.facts) == nil)
    }

    @Test func whatPoliciesWantIsWhatIsAskedFor() {
        var host = FakeHost()
        host.files["/etc/sandboxd/policies/own.yaml"] =
            "version: 1\nextends: tools\ndocker: { image: \"other:2\", pull: missing }\n"
        let need = HostChecks.engineNeed(host.facts)
        #expect(
            need
                == EngineNeed(
                    socket: "/run/docker.sock",
                    images: [
                        .init(policy: "own", name: "other:2", isFetched: true, network: "lab"),
                        .init(policy: "tools", name: "tools:1", isFetched: false, network: "lab"),
                    ]))
        host.rest.engine?.images["other:2"] = false
        #expect(host.found["engine-images"]?.found == true)
        #expect(host.found["engine-images"]?.detail == "1 of 2 there, 1 fetched when needed")
        #expect(host.found["engine-networks"]?.detail == "all there")
    }

    /// Whom the engine does not let in, learns no more than that, and is not told to get in.
    @Test func whoMayNotAskIsNotTold() {
        var host = FakeHost()
        host.rest.engine = EngineFacts(answer: .unreachable(EACCES))
        #expect(host.found["engine"]?.found == true && host.found["engine"]?.remedy == nil)
        #expect(host.found["engine"]?.detail.contains("user 1000 may not") == true)
        #expect(host.found["engine-images"]?.found == true && host.found["engine-images"]?.detail == "not known")
        #expect(host.found["engine-networks"]?.detail == "not known")
    }
}
