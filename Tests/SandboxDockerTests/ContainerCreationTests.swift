import Foundation
import LaunchPlan
import Testing

@testable import sandbox_docker

extension CompiledPolicy {
    static func sample(_ change: (inout CompiledPolicy) -> Void = { _ in }) -> CompiledPolicy {
        var policy = CompiledPolicy(
            name: "tools", readPaths: [], tmpBytes: 16 << 20, shmBytes: 4 << 20, workspaceMode: .write,
            workspaceRoots: ["/"], executeWritten: false, loopback: false,
            maximum: LaunchLimits(
                memoryBytes: 256 << 20, cpuMillicores: 1500, processes: 64, openFiles: 256, fileSizeBytes: 64 << 20))
        policy.container = ContainerPlan(image: "a:1")
        change(&policy)
        return policy
    }
}

extension ContainerSettings {
    static let sample = ContainerSettings(
        engine: "/e", initPath: "/usr/libexec/sandboxd/sandbox-init", owner: "block-3", deadOwners: [], living: [])
}

extension ContainerCreation {
    static var sample: ContainerCreation { get throws(EngineFailure) { try made() } }

    static func made(
        _ policy: CompiledPolicy = .sample(), volumes: [String]? = nil, run: String = "r1", tenant: UInt64? = 1000,
        profile: String = "{}", processors: Int = 4
    ) throws(EngineFailure) -> ContainerCreation {
        let volumes = volumes.map { Dictionary(uniqueKeysWithValues: $0.map { ($0, EngineAPI.Image.Empty()) }) }
        return try ContainerCreation(
            ContainerOrder(
                number: 9, policy: 1, user: ContainerPlan.User(uid: 70001, gid: 70002), socket: "/run/s", run: run,
                tenant: tenant),
            ContainerSpecification(number: 1, policy: policy, profile: profile),
            image: EngineAPI.Image(
                id: "sha256:77", os: "linux", config: EngineAPI.Image.Configuration(env: ["A=b"], volumes: volumes)),
            maker: "m", settings: .sample, processors: processors)
    }
}

@Suite struct ContainerCreationTests {
    private func json(_ creation: ContainerCreation) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(try creation.encoded())) as? [String: Any])
    }

    @Test func `an engine reads what the policy says`() throws {
        let body = try json(.made())
        #expect(body["Image"] as? String == "sha256:77" && body["User"] as? String == "70001:70002")
        // Nothing of the image's own configuration is left to it.
        #expect(body["Entrypoint"] as? [String] == ["/.sandbox/init"] && body["Cmd"] as? [String] == [])
        #expect(body["WorkingDir"] as? String == "/" && body["Env"] as? [String] == [])
        #expect((body["Healthcheck"] as? [String: [String]]) == ["Test": ["NONE"]])
        #expect(body["StopSignal"] as? String == "SIGKILL")
        let host = try #require(body["HostConfig"] as? [String: Any])
        #expect(host["Memory"] as? Int == 256 << 20 && host["MemorySwap"] as? Int == 256 << 20)
        #expect(host["NanoCpus"] as? Int == 1_500_000_000 && host["PidsLimit"] as? Int == 65)
        #expect(host["NetworkMode"] as? String == "none" && host["IpcMode"] as? String == "private")
        #expect(host["SecurityOpt"] as? [String] == ["no-new-privileges=true", "seccomp={}"])
        let mounts = try #require(host["Mounts"] as? [[String: Any]])
        #expect(mounts.map { $0["Target"] as? String } == ["/.sandbox/init", "/.sandbox/socket"])
        #expect(mounts.map { $0["Source"] as? String } == ["/usr/libexec/sandboxd/sandbox-init", "/run/s"])
        #expect(mounts.allSatisfy { $0["ReadOnly"] as? Bool == true && $0["Type"] as? String == "bind" })
    }

    @Test func `nothing in it is privileged`() throws {
        let host = try #require(try json(.made())["HostConfig"] as? [String: Any])
        #expect(host["Privileged"] as? Bool == false && host["ReadonlyRootfs"] as? Bool == true)
        #expect(host["CapDrop"] as? [String] == ["ALL"])
        // Whatever is not said is none: no key that gives anything.
        let said: Set = [
            "NetworkMode", "IpcMode", "CgroupnsMode", "ReadonlyRootfs", "CapDrop", "SecurityOpt", "Privileged",
            "RestartPolicy", "AutoRemove", "LogConfig", "Memory", "MemorySwap", "NanoCpus", "PidsLimit", "OomScoreAdj",
            "Ulimits", "MaskedPaths", "ReadonlyPaths", "Tmpfs", "Mounts",
        ]
        #expect(Set(host.keys) == said)
        #expect((host["RestartPolicy"] as? [String: String]) == ["Name": "no"])
        #expect(host["AutoRemove"] as? Bool == true)
    }

    /// The engine's names begin with a capital letter, and labels, paths and variables are nobody's to change.
    @Test func `names are capitalised and keys of what is named are not`() throws {
        let body = try json(.made(volumes: ["/data"]))
        #expect(body.keys.allSatisfy { $0.first?.isUppercase == true })
        #expect(
            body["Labels"] as? [String: String] == [
                "io.sandboxd.owner": "block-3", "io.sandboxd.maker": "m", "io.sandboxd.order": "9",
                "io.sandboxd.policy": "tools", "io.sandboxd.run": "r1", "io.sandboxd.tenant": "1000",
            ])
        let host = try #require(body["HostConfig"] as? [String: Any])
        #expect(
            Set((host["Tmpfs"] as? [String: String] ?? [:]).keys) == [
                "/tmp", "/dev/shm", "/sandbox/workspace", "/data",
            ])
        let ahead = try json(.made(run: "", tenant: nil))["Labels"] as? [String: String]
        #expect(ahead?.keys.contains("io.sandboxd.run") == false && ahead?.keys.contains("io.sandboxd.tenant") == false)
    }

    // MARK: volumes

    @Test(
        arguments: [
            ("/data", "/data"), ("/data/", "/data"), ("//data", "/data"), ("/a/./b//", "/a/b"),
            ("/dev/shm/", "/dev/shm"),
            ("/tmp/", "/tmp"), ("/sandbox/workspace", "/sandbox/workspace"), ("/var/lib/x y", "/var/lib/x y"),
        ])
    func `an image's volume is covered where the engine has it`(_ volume: String, _ path: String) throws {
        let creation = try ContainerCreation.made(volumes: [volume])
        let own = ["/tmp", "/dev/shm", "/sandbox/workspace"]
        let mounts = creation.hostConfig.tmpfs
        #expect(Set(mounts.keys) == Set(own + [path]))
        #expect(
            mounts[path]?.hasPrefix(
                own.contains(path) ? "rw,nosuid,nodev,noexec,mode=1777," : "ro,nosuid,nodev,noexec,") == true)
    }

    @Test(
        arguments: [
            "", "/", "//", "/.", "data", "./data", "/a/../data", "/..", "/a:b", "/a,size=1t", "/a\nb", "/a\0b", "/proc",
            "/proc/x",
            "/sys/fs", "/dev", "/dev/x", "/.sandbox", "/.sandbox/init", "/.sandbox/x/", "/sandbox", "//sandbox/",
            "/./proc/self",
        ])
    func `an image whose volume cannot be covered is none`(_ volume: String) {
        do throws(EngineFailure) {
            _ = try ContainerCreation.made(volumes: ["/data", volume])
            #expect(Bool(false), "'\(volume)' was taken")
        } catch {
            guard case .imageUnfit = error else { return #expect(Bool(false), "\(error)") }
        }
    }

    @Test func `more volumes than anybody has are too many`() throws {
        let few = try ContainerCreation.made(volumes: (0..<64).map { "/v\($0)" })
        #expect(few.hostConfig.tmpfs.count == 67)
        #expect(throws: EngineFailure.imageUnfit("the image has 65 volumes")) {
            try ContainerCreation.made(volumes: (0..<65).map { "/v\($0)" })
        }
    }

    // MARK: values

    @Test func `amounts that an engine would not take become the nearest that it does`() throws {
        func host(_ change: (inout LaunchLimits) -> Void, processors: Int = 4) throws -> ContainerCreation.HostConfig {
            try ContainerCreation.made(.sample { change(&$0.maximum) }, processors: processors).hostConfig
        }
        #expect(try host { $0.memoryBytes = .max }.memory == .max)
        #expect(try host { ($0.memoryBytes, $0.swapBytes) = (.max, .max) }.memorySwap == .max)
        let small = try host { ($0.memoryBytes, $0.swapBytes) = (1 << 20, 1 << 20) }
        #expect(small.memory == 6 << 20 && small.memorySwap == 7 << 20)
        #expect(try host { $0.cpuMillicores = 8000 }.nanoCpus == 4_000_000_000)
        #expect(try host { $0.cpuMillicores = .max }.nanoCpus == 4_000_000_000)
        #expect(try host({ $0.cpuMillicores = 8000 }, processors: -1).nanoCpus == 1_000_000_000)
        #expect(try host { $0.cpuMillicores = 1 }.nanoCpus == 10_000_000)
        #expect(try host { $0.processes = .max }.pidsLimit == 4_194_304)
        let files = try host { $0.fileSizeBytes = .max }.ulimits.first { $0.name == "fsize" }
        #expect(files?.hard == .max && files?.soft == .max)
    }

    @Test func `without a profile there is the engine's own`() throws {
        #expect(try ContainerCreation.made(profile: "").hostConfig.securityOpt == ["no-new-privileges=true"])
    }

    // MARK: variables

    @Test func `of an image's variables no more are told than the launcher takes`() throws {
        func variables(_ list: [String]?) -> [String] {
            Broker.variables(of: EngineAPI.Image(id: "", config: EngineAPI.Image.Configuration(env: list)))
        }
        #expect(variables(nil) == [] && variables(["A=b"]) == ["A=b"])
        #expect(variables(["A=\0", "B=c"]) == ["B=c"])
        let many = (0..<1000).map { "V\($0)=x" }
        #expect(variables(many) == Array(many.prefix(256)))
        let long = "L=" + String(repeating: "x", count: 40 << 10)
        #expect(variables([long, "A=b", long, "C=d"]) == [long, "A=b"])
        let most = "M=" + String(repeating: "\u{20ac}", count: ((64 << 10) - 2) / 3)
        let event = ContainerEvent.started(order: 1, container: FakeID.some, environment: variables([most]))
        #expect(try ContainerEvent(decoding: event.encoded) == event)
        let small = ContainerEvent.started(order: 1, container: FakeID.some, environment: variables(many))
        #expect(try ContainerEvent(decoding: small.encoded) == small)
    }

    private enum FakeID { static let some = String(repeating: "a", count: 64) }
}
