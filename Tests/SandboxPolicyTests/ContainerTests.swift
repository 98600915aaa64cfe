import LaunchPlan
import SandboxModel
import SandboxPolicy
import Testing

/// A complete policy with an image, to vary.
let containerBase = """
    version: 1
    backend: docker
    filesystem: { tmp: 1MiB, shm: 1MiB }
    limits: { memory: 1GiB, cpus: 2, processes: 8, open-files: 64, file-size: 1MiB, output: 1MiB, timeout: 10s }

    """

@Suite("Containers")
struct ContainerTests {
    static let digest = "sha256:" + String(repeating: "0123456789abcdef", count: 4)

    private func contained(_ docker: String = "image: tools", _ lines: String = "") throws -> Policy {
        try #require(try load(["own": containerBase + "docker: { \(docker) }\n\(lines)"])["own"])
    }

    private func found(_ docker: String, _ lines: String = "") -> [String] {
        problems(containerBase + "docker: { \(docker) }\n\(lines)")
    }

    @Test("compiled: every field")
    func compiled() throws {
        let all =
            "image: \"r.example:5000/a/tools:2@\(Self.digest)\", pull: missing, user: 1000:50, network: web, ahead: 4"
        let plan = try contained(all).compiled()
        #expect(
            plan.container
                == ContainerPlan(
                    image: "r.example:5000/a/tools:2@\(Self.digest)", pull: .missing,
                    user: ContainerPlan.User(uid: 1000, gid: 50), network: "web", ahead: 4))
        #expect(plan.loopback)
        #expect(plan.readPaths == [] && plan.hidePaths == [] && plan.tmpBytes == 1 << 20 && plan.executePaths == nil)
        let least = try contained().compiled()
        #expect(least.container == ContainerPlan(image: "tools") && !least.loopback)
        #expect(try contained("image: x, user: 7").compiled().container?.user == ContainerPlan.User(uid: 7, gid: 7))
        #expect(try contained("image: x, pull: never, ahead: 0").compiled().container == ContainerPlan(image: "x"))
        // Everything else is as with the native backend.
        var native = try #require(
            try load(["own": containerBase.replacing("docker", with: "native")])["own"]
        ).compiled()
        #expect(native.container == nil)
        native.container = least.container
        #expect(native == least)
    }

    @Test("what a parent shows of the host is dropped, and all else is inherited")
    func parents() throws {
        let base = minimal.replacing("read: [/usr]", with: "read: [/usr], hide: [/usr/x]")
        let child = "version: 1\nbackend: docker\ndocker: { image: x }\n"
        let set = try load([
            "base": base, "own": child + "extends: base\n", "standard": child + "extends: default\n",
            "grandchild": "version: 1\nextends: standard\ndocker: { ahead: 2 }\n",
        ])
        for name in ["own", "standard", "grandchild"] {
            let plan = try #require(set[name]).compiled()
            #expect(plan.readPaths == [] && plan.hidePaths == [] && plan.container?.image == "x", "\(name)")
            #expect(set[name]?.origin(of: "filesystem.read") == nil)
        }
        #expect(set["base"]?.compiled().hidePaths == ["/usr/x"])
        #expect(set["grandchild"]?.compiled().container?.ahead == 2)
        let standard = try #require(set["standard"])
        #expect(standard.compiled().executeWritten && standard.compiled().tmpBytes == 256 << 20)
        #expect(try standard.environment(requested: [:]).contains("HOME=/tmp"))
        #expect(standard.judge(argv: ["sudo", "x"]) != .allowed(rule: nil))
    }

    static let images = [
        "busybox", "busybox:1.36", "library/busybox", "r.example/busybox", "localhost/x", "localhost:5000/x",
        "r.example:5000/a/b_c/d__e/f-g/h--i.j:Tag_1.2-3", "Registry/x", "[::1]:5000/x", "a/b/c", "0/1", "1000", "null0",
        "x@\(digest)", "x:1@\(digest)", "r.example:1/x@\(digest)", digest,
    ]

    static let noImages = [
        "Busybox", "busybox:", "busybox:-1", "busybox:.1", "busybox: 1", "a//b", "/a", "a/", "a/B", "a/-b", "a/b-",
        "a/.b",
        "a._b", "a___b", "a..b", "-a/b.c", "https://r.example/x", "docker://x", "x@sha256:12", "x@md5:\(digest)", "x@",
        "x@\(digest)0", "x@\(digest.uppercased())", "x@\(digest)@\(digest)", "r.example:x/y", "r-.example/y", "é",
        "a b",
        "sha256:12", digest.replacing("f", with: "F"), String(digest.dropFirst(7)), "[::g]/x",
        "x:" + String(repeating: "a", count: 129),
        "$(id)", "a;b", "..", "../x", "a\u{301}",
    ]

    @Test("images that the engine takes", arguments: images)
    func image(text: String) throws {
        let own = try contained("image: \"\(text)\"")
        #expect(own.compiled().container?.image == text)
        #expect(PolicyRenderer.effective(own).contains("image: "))
    }

    @Test("what is no image's name is refused at its place", arguments: noImages)
    func noImage(text: String) {
        let found = found("image: \"\(text)\"")
        #expect(found.count == 1 && found[0].hasPrefix("5:18: 'docker.image': "), "\(found)")
    }

    @Test("long images")
    func longImages() {
        let name = String(repeating: "a", count: 250)
        #expect(found("image: \"\(name)/bcde\"") == [])
        #expect(
            found("image: \"\(name)/bcdef\"").map { $0.contains("is longer than an image's name may be (255") } == [
                true
            ])
        let all = "\(name)/bcde:\(String(repeating: "t", count: 128))@\(Self.digest)"
        #expect(found("image: \"\(all)\"") == [])
        let long = "a:\(String(repeating: "t", count: 511))"
        #expect(found("image: \"\(long)\"") == ["5:18: 'docker.image' is longer than 512 bytes"])
    }

    @Test(
        "other values",
        arguments: [
            ("pull: always", "'docker.pull' must be one of never, missing, not 'always'"),
            (
                "user: nobody",
                "'docker.user': 'nobody' is neither UID nor UID:GID in decimal digits; names are not looked up, in the image or "
                    + "here: write the number"
            ),
            ("user: 0", "'docker.user': 0 is the host's root; a container's processes are an ordinary user"),
            ("user: 1000:0", "'docker.user': 0 is the host's root; a container's processes are an ordinary user"),
            (
                "user: 1000:users",
                "'docker.user': '1000:users' is neither UID nor UID:GID in decimal digits; names are not"
            ),
            ("user: 0x3e8", "'docker.user': '0x3e8' is neither"), ("user: 01000", "'docker.user': '01000' is neither"),
            ("user: \"1:2:3\"", "'docker.user': '1:2:3' is neither"),
            ("user: \":1\"", "'docker.user': ':1' is neither"),
            ("user: -1", "'docker.user': '-1' is neither"),
            ("user: 4294967295", "'docker.user': '4294967295' is no number below 4294967295"),
            ("user: 7:4294967296", "'docker.user': '4294967296' is no number below 4294967295"),
            (
                "user: 1879048192",
                "'docker.user': 1879048192 is one of the numbers that sandboxes get one by one; leave"
            ),
            ("user: 7:1946157055", "'docker.user': 1946157055 is one of the numbers that sandboxes get"),
            ("network: host", "'docker.network': 'host' is the host's own network; no policy can ask for it"),
            ("network: none", "'docker.network': 'none' is what holds without the key; leave it out"),
            ("network: default", "'docker.network': 'default' is whichever network the engine takes; name one"),
            (
                "network: \"container:db\"",
                "'docker.network': 'container:db' is another container's network; no policy can"
            ),
            ("network: _x", "'docker.network': '_x' is no network's name"),
            ("network: \"a b\"", "'docker.network': 'a b' is no network's name"),
            ("network: \"ns:/proc/1/ns/net\"", "'docker.network': 'ns:/proc/1/ns/net' is no network's name"),
            ("ahead: 65", "'docker.ahead': '65' is out of range; the range is 0 to 64"),
            ("ahead: -1", "'docker.ahead': '-1'"), ("ahed: 1", "unknown key 'ahed' in 'docker' (? ahead)"),
            ("memory: 1GiB", "unknown key 'memory' in 'docker' (? limits.memory)"),
        ])
    func values(line: String, expected: String) {
        let found = found("image: x, \(line)")
        #expect(found.count == 1 && found[0].contains(": \(expected)"), "\(found)")
        #expect(found[0].hasPrefix("5:"))
    }

    @Test("users and networks at the edges")
    func edges() throws {
        for user in ["1", "4294967294", "1879048191:1946157056"] { #expect(found("image: x, user: \"\(user)\"") == []) }
        for network in ["bridge", "a", "Web_1.x-y", "hosts"] { #expect(found("image: x, network: \(network)") == []) }
        #expect(found("image: x, ahead: 64") == [])
        #expect(ContainerPlan.mostAhead == 64)
    }

    @Test(
        "what no policy can ask for has its own refusal",
        arguments: [
            ("privileged: true", "'docker.privileged': no policy can ask for a privileged container"),
            ("devices: [/dev/kvm]", "'docker.devices': no policy can ask for devices of the host"),
            (
                "volumes: [/:/host]",
                "'docker.volumes': no policy can ask for mounts; 'workspace' and 'filesystem.tmp' are all"
            ),
            ("binds: [x]", "'docker.binds': no policy can ask for mounts"),
            (
                "cap-add: [SYS_ADMIN]",
                "'docker.cap-add': no policy can ask for capabilities or groups; a container has none"
            ),
            ("cap_add: [ALL]", "'docker.cap_add': no policy can ask for capabilities"),
            ("CapAdd: [ALL]", "'docker.CapAdd': no policy can ask for capabilities"),
            ("pid: host", "'docker.pid': no policy can ask for namespaces of the host or of another container"),
            ("ipc: host", "'docker.ipc': no policy can ask for namespaces"),
            ("userns: host", "'docker.userns': no policy can ask for namespaces"),
            ("restart: always", "'docker.restart': no policy can ask for this; a container lives for one run"),
            (
                "security-opt: [seccomp=unconfined]",
                "'docker.security-opt': no policy can change how a container is confined"
            ),
            ("read-only: false", "'docker.read-only': no policy can change how a container is confined"),
            ("entrypoint: [sh]", "'docker.entrypoint': no policy can ask for this; a request brings the command"),
            ("ports: [\"80:80\"]", "'docker.ports': no policy can ask for ports"),
            ("runtime: runsc", "'docker.runtime': no policy can ask for this; sandboxd chooses it"),
            ("shm-size: 1g", "'docker.shm-size': no policy can ask for this; 'limits' and 'filesystem.shm'"),
        ])
    func refusals(line: String, expected: String) {
        let found = found("image: x, \(line)")
        #expect(found.count == 1 && found[0].hasPrefix("5:21: \(expected)"), "\(found)")
    }

    @Test("the section without the backend, the backend without the section")
    func halves() {
        let child = "version: 1\nextends: default\n"
        #expect(
            problems(child + "docker: { image: x }\n") == [
                "3:11: 'docker.image' (bad.yaml:3) needs 'backend: docker', and the backend is native"
            ])
        #expect(
            problems(child + "backend: native\ndocker: { ahead: 2 }\n") == [
                "4:11: 'docker.ahead' (bad.yaml:4) needs 'backend: docker', and the backend is native (bad.yaml:3)"
            ])
        #expect(
            problems(child + "backend: docker\n") == [
                "3:1: 'docker.image' is missing: with 'backend: docker' a policy names the image or inherits it"
            ])
        #expect(
            problems(child + "backend: docker\ndocker: { ahead: 1 }\n").map { $0.hasPrefix("3:1: 'docker.image' is") }
                == [true])
        #expect(
            problems(child + "backend: docker\ndocker: {}\n")
                == ["4:9: 'docker' is empty; write 'image: NAME', or leave it out"])
        // A child cannot leave a container by the backend alone.
        let native = problems([
            "base": containerBase + "docker: { image: x }\n", "own": "version: 1\nextends: base\nbackend: native\n",
        ])
        #expect(
            native == [
                "3:1: 'docker.image' (base.yaml:5) needs 'backend: docker', and the backend is native (own.yaml:3)"
            ])
        // One slip is one problem.
        #expect(problems(child + "backend: dockr\ndocker: { image: x }\n").count == 1)
        #expect(problems(child + "backend: docker\ndocker: { image: X }\n").count == 1)
        #expect(problems(child + "backend: docker\ndocker: { imge: x }\n").count == 1)
        #expect(problems(child + "backend: docker\ndocker: [x]\n") == ["4:9: 'docker' must be a mapping, not a list"])
    }

    @Test("keys about the host's files in a policy with an image, and below one")
    func hostFiles() {
        let about =
            "is about the host's files, and with 'backend: docker' (%) there are only the image's, all of them; leave it out"
        func expected(_ place: String, _ key: String, _ backend: String) -> [String] {
            ["\(place): 'filesystem.\(key)' \(about.replacing("%", with: backend))"]
        }
        let own = "docker: { image: x }\n"
        #expect(
            problems(containerBase.replacing("tmp: 1MiB", with: "tmp: 1MiB, read: [/usr]") + own)
                == expected("3:26", "read", "bad.yaml:2"))
        #expect(
            problems(containerBase.replacing("tmp: 1MiB", with: "tmp: 1MiB, hide: [/usr/x]") + own)
                == expected("3:26", "hide", "bad.yaml:2"))
        let child = "version: 1\nextends: base\nfilesystem: { read: [] }\n"
        #expect(problems(["base": containerBase + own, "child": child]) == expected("3:15", "read", "base.yaml:2"))
    }

    @Test(
        "what is not enforced with an image is refused, wherever it comes from",
        arguments: [
            ("commands: { execute: [/usr/bin/jq] }", "commands.execute", "the kernel's list of programs"),
            ("limits: { read-rate: 1MiB }", "limits.read-rate", "rates hold for the disks"),
            ("limits: { write-rate: 1MiB }", "limits.write-rate", "rates hold for the disks"),
        ])
    func unenforced(line: String, key: String, reason: String) {
        let head = "version: 1\nextends: readonly\n"
        func sentence(_ place: String, _ backend: String) -> String {
            ": '\(key)' (\(place)) is not enforced with 'backend: docker' (\(backend)): \(reason)"
        }
        let together = problems(head + "backend: docker\ndocker: { image: x }\n\(line)\n")
        #expect(together.count == 1 && together[0].contains(sentence("bad.yaml:5", "bad.yaml:3")), "\(together)")
        let inherited = problems([
            "base": head + line + "\n", "own": "version: 1\nextends: base\nbackend: docker\ndocker: { image: x }\n",
        ])
        #expect(
            inherited.count == 1 && inherited[0].hasPrefix("3:1\(sentence("base.yaml:3", "own.yaml:3"))"),
            "\(inherited)")
        let below = problems([
            "base": head + "backend: docker\ndocker: { image: x }\n", "own": "version: 1\nextends: base\n\(line)\n",
        ])
        #expect(below.count == 1 && below[0].contains(sentence("own.yaml:3", "base.yaml:3")), "\(below)")
    }

    @Test("the built-in policies that list programs are no parents of one with an image")
    func builtInParents() throws {
        for name in try builtIn.get().names {
            let found = problems("version: 1\nextends: \(name)\nbackend: docker\ndocker: { image: x }\n")
            let lists = ["deny-all", "python-only"].contains(name)
            #expect(found.count == (lists ? 1 : 0), "\(name): \(found)")
            if lists { #expect(found[0].contains("'commands.execute' (\(name).yaml:"), "\(found)") }
        }
        let libraries = problems(
            "version: 1\nextends: python-only\nbackend: docker\ndocker: { image: x }\ncommands: { libraries: [/usr/lib] }\n"
        )
        #expect(libraries.count == 2 && libraries[1].contains("'commands.libraries' (bad.yaml:5) is not enforced"))
    }
}
