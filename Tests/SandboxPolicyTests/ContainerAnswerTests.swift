import LaunchPlan
import SandboxModel
import SandboxPolicy
import Testing

/// What is said of a policy with an image: digest, text, explanations, warnings.
@Suite("Containers: answers")
struct ContainerAnswerTests {
    private func contained(_ docker: String = "image: tools", _ lines: String = "") throws -> Policy {
        try #require(try load(["own": containerBase + "docker: { \(docker) }\n\(lines)"])["own"])
    }

    @Test("the digest follows what a container is, and not how its defaults are written")
    func digests() throws {
        let plain = try contained().digest
        #expect(try contained("image: tools, pull: never, ahead: 0", "network: none\n").digest == plain)
        let others = [
            "image: tools2", "image: native", "image: none", "image: tools, pull: missing", "image: tools, user: 7",
            "image: tools, user: \"7:8\"", "image: tools, network: web", "image: tools, network: native",
            "image: tools, ahead: 1",
        ]
        #expect(Set(try others.map { try contained($0).digest } + [plain]).count == others.count + 1)
    }

    @Test("a request's rates are refused: they cannot be kept in an image")
    func rates() throws {
        let own = try contained()
        for (limits, name) in [
            (Limits(readBytesPerSecond: 1 << 20), "read"), (Limits(writeBytesPerSecond: 1 << 20), "write"),
        ] {
            let error = #expect(throws: ServiceError.self) { try own.narrowed(by: limits) }
            #expect(error?.code == .limitNotAllowed)
            #expect(
                error?.message
                    == "limit \(name)-rate is not allowed: policy own has 'backend: docker' (own.yaml:2), and rates "
                    + "hold for the disks behind the host's files")
        }
    }

    @Test("the rendered policy reads back as the same one", arguments: ContainerTests.images)
    func renderer(image: String) throws {
        let own = try contained("image: \"\(image)\", pull: missing, user: \"1000:50\", network: \"12\", ahead: 4")
        let text = PolicyRenderer.effective(own)
        #expect(text.contains("\nbackend: docker  # own.yaml:2\n") && text.contains("\n  ahead: 4  # own.yaml:5"))
        #expect(text.contains("\n  network: \"12\"  # own.yaml:5"))
        let again = try EffectivePolicy.read(name: "own", text: text, digest: own.digest)
        #expect(again.compiled() == own.compiled())
    }

    @Test(
        "paths: the tree is the image's",
        arguments: [
            (
                "/usr/bin/python3", PathAccess.read, true,
                "where image 'tools' has it; the tree is the image's, read-only"
            ),
            ("/usr/bin/python3", .execute, true, "where image 'tools' has it as a program"),
            ("/etc/shadow", .read, true, "nothing of the host is in it"),
            ("/home/me/.ssh/id_rsa", .read, true, "nothing of the host is in it"),
            ("/usr/x", .write, false, "the tree is the image's, read-only; write below /tmp"),
            ("/etc/passwd", .write, false, "the tree is the image's"), ("/", .read, true, "the tree is the image's"),
            ("/etc/hosts", .read, true, "the engine makes it"),
            ("/etc/resolv.conf", .write, false, "the engine makes it"),
            ("/etc/hostname", .execute, false, "it is no program"), ("/sys/fs", .read, true, "the engine makes it"),
            ("/tmp/x", .write, true, "it is memory of this run alone, 1 MiB at most"),
            ("/tmp/x", .execute, false, "nothing that a run can write is executable"),
            ("/proc/self/status", .read, true, "it shows this sandbox alone"),
            ("/sandbox/workspace/a", .read, false, "has no workspace"),
            ("/workspace/a", .read, true, "where image 'tools' has it"), ("/dev/sda", .read, false, "does not exist"),
        ] as [(String, PathAccess, Bool, String)])
    func paths(path: String, access: PathAccess, allowed: Bool, text: String) throws {
        let answer = try contained().explain(path: path, access: access)
        #expect(answer.allowed == allowed && answer.text.contains(text), "\(answer.text)")
        if text.contains("image") { #expect(answer.rule?.description == "own.yaml:5") }
    }

    @Test("connections and commands")
    func answers() throws {
        let named = try contained("image: tools, network: web").explain(connect: "example.org:443")
        #expect(
            named.allowed && named.rule?.description == "own.yaml:5"
                && named.text.contains("the engine's network 'web'"))
        #expect(try !contained().explain(connect: "example.org:443").allowed)
        #expect(try !contained("image: x", "network: loopback\n").explain(connect: "example.org:443").allowed)
        #expect(try !contained("image: x, network: web").explain(connect: "nothing").allowed)
        let own = try contained("image: x", "commands: { allow: [git] }\n")
        #expect(own.judge(argv: ["/opt/git/bin/git"]) == own.judge(argv: ["git"]))
        #expect(own.explain(argv: ["git"], on: .unknown).allowed)
        for path in [
            "/tmp/git", "/workspace/git", "/sandbox/workspace/git", "./git", "/dev/shm/git", "/usr/../tmp/git",
        ] {
            let answer = own.explain(argv: [path])
            #expect(
                !answer.allowed && answer.text.contains("allows the image's 'git', not another program"),
                "\(answer.text)")
        }
    }

    @Test(
        "what is hardly meant",
        arguments: [
            ("image: \"x:1\"", ["5:11 'docker.image': which image 'x:1' is can change; NAME@sha256:DIGEST or"]),
            (
                "image: x, pull: missing",
                [
                    "5:11 'docker.image': which image 'x' is can change",
                    "5:21 'docker.pull': missing fetches whatever a registry has for 'x' then; NAME@",
                ]
            ),
            (
                "image: \"\(ContainerTests.digest)\", pull: missing",
                ["5:93 'docker.pull' means nothing: an image cannot be fetched by its id"]
            ),
            ("image: \"x:1@\(ContainerTests.digest)\", pull: missing", []),
            ("image: \"\(ContainerTests.digest)\", ahead: 2", []),
            (
                "image: \"\(ContainerTests.digest)\", user: \"7:8\"",
                ["5:93 'docker.user': every run of this policy is the same user of the host, 7:8, and what one"]
            ),
            (
                "image: \"\(ContainerTests.digest)\", network: bridge",
                ["5:93 'docker.network': 'bridge' is also that of every container that names none, and runs can"]
            ),
            ("image: \"\(ContainerTests.digest)\", network: web", []),
        ])
    func lint(docker: String, expected: [String]) throws {
        let set = try load(["own": containerBase + "docker: { \(docker) }\n"])
        let found = PolicyLint.warnings(in: set, of: ["own"], on: .unknown).map {
            "\($0.location.line):\($0.location.column) \($0.message)"
        }
        #expect(found.count == expected.count && zip(found, expected).allSatisfy { $0.hasPrefix($1) }, "\(found)")
    }

    @Test("lint: a shell in an image is held to no list")
    func lintShell() throws {
        let lines = "docker: { image: \"\(ContainerTests.digest)\" }\ncommands: { allow: [sh] }\n"
        let found = PolicyLint.warnings(
            in: try load(["own": containerBase + lines]), of: ["own"], on: .unknown)
        #expect(
            found.map { $0.message.hasSuffix("any other program; what the image has is what it can start") } == [true])
    }
}
