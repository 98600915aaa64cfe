import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Synchronization
import Testing

/// A number that several tasks add to.
private final class Counter: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}

/// Policies that are read anew while sandboxd serves.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct ReloadTests {
    private let policies = TemporaryDirectory()

    private func service(warm: Int = 8) throws -> ServiceFixture {
        try ServiceFixture(options: ["--policy-directory", policies.path, "--warm", "\(warm)"])
    }

    private func write(_ name: String, _ text: String) throws {
        try policies.write("\(name).yaml", "version: 1\nextends: default\n\(text)\n")
    }

    private func reload(_ service: ServiceFixture) throws -> Ran {
        try Ran(sandboxctl: ["reload", "--socket", service.socket])
    }

    private func processes(_ client: SandboxClient, _ policy: String) async throws -> String {
        try await client.run(RunRequest(argv: ["sh", "-c", "ulimit -n"], policy: policy)).outputText
    }

    @Test(arguments: [0, 8]) func `new ones come, others change, others go, and runs keep theirs`(_ warm: Int)
        async throws
    {
        try write("changes", "limits: { open-files: 100 }")
        try write("goes", "description: x")
        let service = try service(warm: warm)
        let client = try await service.client()
        #expect(try await processes(client, "changes") == "100\n")
        let before = try await client.policy("changes").digest
        let old = try await client.start(
            RunRequest(argv: ["sh", "-c", "ulimit -n; read line; ulimit -n"], policy: "changes", stdin: true))
        var events = old.events.makeAsyncIterator()
        while let event = try await events.next() { if case .standardOutput = event { break } }

        try write("changes", "limits: { open-files: 90 }")
        try write("comes", "limits: { open-files: 80 }")
        unlink("\(policies.path)/goes.yaml")
        let ran = try reload(service)
        #expect(ran.status == 0, "\(ran.errors)")
        let told = Dictionary(
            uniqueKeysWithValues: ran.output.split(separator: "\n").map {
                let fields = $0.split(separator: " ")
                return (String(fields[0]), String(fields[1]))
            })
        #expect(told["changes"] == "changed" && told["comes"] == "added" && told["goes"] == "removed")
        #expect(told["default"] == "unchanged")

        for _ in 0..<20 {
            #expect(try await processes(client, "changes") == "90\n")
            #expect(try await processes(client, "comes") == "80\n")
        }
        await #expect(throws: ServiceError.self) { try await processes(client, "goes") }
        #expect(try await client.policy("changes").digest != before)
        try await old.write(Array("\n".utf8))
        var rest: [UInt8] = []
        while let event = try await events.next() { if case .standardOutput(let bytes) = event { rest += bytes } }
        #expect(String(decoding: rest, as: UTF8.self) == "100\n")
    }

    @Test func `one wrong file, and nothing changes`() async throws {
        try write("mine", "limits: { open-files: 100 }")
        let service = try service()
        let client = try await service.client()
        try write("mine", "limits: { open-files: 90 }")
        try write("wrong", "limits: { open-flies: 1 }")
        let ran = try reload(service)
        #expect(ran.status == 1)
        #expect(ran.errors.contains("wrong.yaml:3:11") && ran.errors.contains("open-files"), "\(ran.errors)")
        #expect(ran.errors.contains("the policies before stay in force"))
        #expect(try await processes(client, "mine") == "100\n")
        #expect(try service.directory.read("log").contains("policies not reloaded"))
        // And it can be mended.
        unlink("\(policies.path)/wrong.yaml")
        #expect(try reload(service).status == 0)
        #expect(try await processes(client, "mine") == "90\n")
    }

    /// What only the launcher can find: it must not have changed anything either.
    @Test func `one that the launcher refuses, and nothing changes`() async throws {
        try write("mine", "limits: { open-files: 100 }")
        let service = try service()
        let client = try await service.client()
        try write("mine", "limits: { open-files: 90 }")
        try policies.write(
            "unreal.yaml", "version: 1\nextends: default\ncommands: { execute: [/usr/bin/no-such-program] }\n")
        let ran = try reload(service)
        #expect(ran.status == 1)
        #expect(ran.errors.contains("unreal") && ran.errors.contains("/usr/bin/no-such-program"), "\(ran.errors)")
        #expect(try await processes(client, "mine") == "100\n")
    }

    @Test func `the only policy stays the only one`() async throws {
        try write("mine", "limits: { open-files: 100 }")
        let service = try ServiceFixture(options: ["--policy-directory", policies.path, "--only-policy", "mine"])
        let client = try await service.client()
        try write("mine", "limits: { open-files: 90 }")
        #expect(try reload(service).status == 0)
        #expect(try await client.policies().map(\.name) == ["mine"])
        #expect(try await processes(client, "mine") == "90\n")
        unlink("\(policies.path)/mine.yaml")
        let ran = try reload(service)
        #expect(ran.status == 1 && ran.errors.contains("no policy 'mine' any more"), "\(ran.errors)")
        #expect(try await client.policies().map(\.name) == ["mine"])
    }

    /// Root named it once and saw whose it was. Later nobody looks, and who may change it would choose what root enforces.
    @Test(arguments: [0, 1]) func `a single file of somebody else's is not read again`(_ place: Int) async throws {
        // Of root's alone, unlike what is below a directory in which everybody may make files.
        let own = "/run/sandboxd-reload-test-\(getpid())"
        try #require(mkdir(own, 0o755) == 0 && mkdir("\(own)/theirs", 0o755) == 0)
        defer { _ = try? Ran(["/bin/rm", "-r", own]) }
        let path = place == 0 ? "\(own)/mine.yaml" : "\(own)/theirs/mine.yaml"
        func write(_ files: Int) throws {
            try policies.write("text", "version: 1\nextends: default\nlimits: { open-files: \(files) }\n")
            try #require(try Ran(["/bin/cp", "\(policies.path)/text", path]).status == 0)
            chmod(path, 0o644)
        }
        try write(100)
        let service = try ServiceFixture(options: ["--policy-file", path])
        let client = try await service.client()
        try write(90)
        #expect(try reload(service).status == 0)
        #expect(try await processes(client, "mine") == "90\n")
        try write(80)
        let stranger = place == 0 ? path : "\(own)/theirs"
        chown(stranger, 12345, 12345)
        let ran = try reload(service)
        #expect(ran.status == 1 && ran.errors.contains(stranger), "\(ran.errors)")
        #expect(try await processes(client, "mine") == "90\n")
    }

    /// No policy is wrong, and whoever waits a moment gets what he wants.
    @Test func `one while another is under way is temporary`() throws {
        let service = try service()
        let reload = "\(BuiltProducts.path("sandboxctl")) reload --json --socket \(service.socket)"
        // Whichever of the two comes first waits for a launcher that is stopped.
        let ran = try Ran([
            "/bin/sh", "-c",
            """
            cd \(service.directory.path); kill -STOP \(try service.launcherPid())
            for name in a b; do { \(reload) >$name.json 2>$name.errors; echo $? >$name; } & done
            turn=0; while [ ! -s a ] && [ ! -s b ] && [ $turn -lt 200 ]; do sleep 0.05; turn=$((turn + 1)); done
            if [ -s a ]; then early=a; else early=b; fi
            cat $early $early.json $early.errors; kill -CONT \(try service.launcherPid()); wait; cat a b
            """,
        ])
        let lines = ran.output.split(separator: "\n")
        try #require(lines.count == 5, "\(ran)")
        #expect(lines[0] == "125" && lines[2] == "sandboxctl: policies are being read already")
        for part in [#""code":"overloaded""#, #""category":"temporary""#, #""retry_after_ms":100"#] {
            #expect(lines[1].contains(part), "\(lines[1])")
        }
        #expect(lines[3...].sorted() == ["0", "125"])
    }

    @Test func `only root may ask for it`() async throws {
        let service = try service()
        chmod(service.directory.path, 0o755)
        chmod(service.socket, 0o666)
        let ran = try Ran(asUser: 12345, "sandboxctl", ["reload", "--socket", service.socket])
        #expect(ran.status == 125)
        #expect(ran.errors.contains("root may"), "\(ran.errors)")
    }

    @Test func `a daemon for one call has nothing to read anew`() async throws {
        let daemon = try PrivateDaemon()
        let client = try await SandboxClient(descriptor: daemon.descriptor)
        let error = await #expect(throws: ServiceError.self) { try await client.reload() }
        #expect(error?.code == .invalidRequest)
        client.close()
        daemon.waitUntilEnded()
    }

    /// SIGHUP, as of old: what came of it is in the log.
    @Test func `a signal asks for it too`() async throws {
        let service = try service()
        try write("later", "description: x")
        kill(service.daemon.pid, SIGHUP)
        for _ in 0..<500 {
            if try service.directory.read("log").contains("policies reloaded") { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(try service.directory.read("log").contains("changed=\"added later\""))
        #expect(try await service.client().run(RunRequest(argv: ["true"], policy: "later")).result.outcome.code == 0)
    }

    /// Requests go on meanwhile, and none is lost: each runs under the policies before or those after.
    @Test func `under load, again and again`() async throws {
        try write("mine", "limits: { open-files: 100 }")
        let service = try service()
        let client = try await service.client()
        let isDone = Counter()
        let failures = Counter()
        let runs = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    while isDone.value == 0 {
                        do {
                            let text = try await processes(client, "mine")
                            if !["100\n", "90\n"].contains(text) { failures.add() }
                        } catch let error as ServiceError where error.category == .temporary {
                        } catch {
                            failures.add()
                        }
                        runs.add()
                    }
                }
            }
            // One after the other, and then with a run between two: on a slow host there is none between the first.
            for turn in 0..<20 {
                let before = runs.value
                try? write("mine", "limits: { open-files: \(turn % 2 == 0 ? 90 : 100) }")
                if (try? reload(service).status) != 0 { failures.add() }
                if turn >= 10, (try? await eventually { runs.value > before }) != true { failures.add() }
            }
            isDone.add()
        }
        #expect(failures.value == 0 && runs.value >= 10)
        #expect(try await processes(client, "mine") == "100\n")
    }

    /// Descriptors, processes and groups of sandboxes that were made ahead of other policies.
    @Test func `it leaves nothing behind`() async throws {
        let service = try service()
        let client = try await service.client()
        let launcher = try service.launcherPid()
        func reloadOnce(_ files: Int) async throws {
            try write("mine", "limits: { open-files: \(files) }")
            #expect(try reload(service).status == 0)
            #expect(try await processes(client, "mine") == "\(files)\n")
            try await service.waitForWarm("mine", client)
        }
        func held() throws -> (descriptors: Int, children: Int) {
            let children = try wholeFile("/proc/\(launcher)/task/\(launcher)/children").split(separator: " ").count
            // Not the files of groups, a dozen of each, which are opened when one is looked at and kept while it serves again.
            let targets = try Ran(["/bin/sh", "-c", "readlink /proc/\(launcher)/fd/*"]).output.split(separator: "\n")
            return (targets.filter { !$0.hasPrefix("/sys/fs/cgroup/") }.count, children)
        }
        /// Who waits is the same then, and what was before is cleared away.
        func settle() async throws {
            for _ in 0..<1000 {
                let stats = try await client.serviceStats()
                if stats.warm?.waiting == ["mine": 8], stats.warm?.preparing == 0, stats.dying == 0 { break }
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await client.serviceStats().warm?.waiting == ["mine": 8])
            try await Task.sleep(for: .milliseconds(500))
        }
        for files in 100..<103 { try await reloadOnce(files) }
        try await settle()
        let before = try held()
        for files in 110..<134 { try await reloadOnce(files) }
        try await settle()
        let after = try held()
        #expect(after.children <= before.children, "\(before) \(after)")
        // One of each reload would be more.
        #expect(before.descriptors > 20 && after.descriptors <= before.descriptors + 4, "\(before) \(after)")
    }
}
