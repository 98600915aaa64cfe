import SandboxModel
import SandboxPolicy
import Testing

@Suite("Limits of requests")
struct LimitTests {
    /// Every limit that there is.
    static let everything = """
        version: 1
        filesystem: { read: [/usr], tmp: 1MiB, shm: 1MiB }
        workspace: { mode: write, size: 8MiB, inodes: 1000 }
        limits:
          memory: 1GiB
          swap: 2MiB
          cpus: 2
          processes: 8
          open-files: 64
          file-size: 1MiB
          output: 1MiB
          stdout: 512KiB
          stderr: 4KiB
          timeout: 10s
          cpu-time: 5s
          idle: 3s
          grace: 2s
          read-rate: 3MiB
          write-rate: 128KiB

        """

    private func message(_ policy: Policy, _ limits: Limits, inMemory: Bool = true) -> String {
        do throws(ServiceError) {
            _ = try policy.narrowed(by: limits, workspaceInMemory: inMemory)
        } catch {
            #expect(error.code == .limitNotAllowed && error.category == .permanent)
            return error.message
        }
        return "allowed"
    }

    @Test("a policy with every key has every limit")
    func complete() throws {
        let own = try #require(try load(["own": Self.everything])["own"])
        let fields = Mirror(reflecting: own.limits).children.map { "\($0.label ?? ""): \($0.value)" }
        #expect(fields.count == RequestLimit.allCases.count && fields.allSatisfy { !$0.hasSuffix("nil") }, "\(fields)")
    }

    /// What a limit accepts in a request to `everything`: the least, the most, the range as it is told, and the line.
    private static let ranges:
        [(
            name: String, field: any WritableKeyPath<Limits, UInt64?> & Sendable, least: UInt64, most: UInt64,
            told: String
        )] =
            [
                ("memory", \.memoryBytes, 1 << 20, 1 << 30, "1MiB to policy own's 1GiB (own.yaml:5)"),
                ("swap", \.swapBytes, 0, 2 << 20, "0B to policy own's 2MiB (own.yaml:6)"),
                ("processes", \.processes, 1, 8, "1 to policy own's 8 (own.yaml:8)"),
                ("open-files", \.openFiles, 8, 64, "8 to policy own's 64 (own.yaml:9)"),
                ("file-size", \.fileSizeBytes, 1, 1 << 20, "1B to policy own's 1MiB (own.yaml:10)"),
                ("output", \.outputBytes, 1, 1 << 20, "1B to policy own's 1MiB (own.yaml:11)"),
                ("stdout", \.stdoutBytes, 1, 512 << 10, "1B to policy own's 512KiB (own.yaml:12)"),
                ("stderr", \.stderrBytes, 1, 4 << 10, "1B to policy own's 4KiB (own.yaml:13)"),
                ("tmp", \.tmpBytes, 4096, 1 << 20, "4KiB to policy own's 1MiB (own.yaml:2)"),
                ("workspace-size", \.workspaceBytes, 4096, 8 << 20, "4KiB to policy own's 8MiB (own.yaml:3)"),
                ("workspace-inodes", \.workspaceInodes, 2, 1000, "2 to policy own's 1000 (own.yaml:3)"),
                (
                    "read-rate", \.readBytesPerSecond, 64 << 10, 3 << 20,
                    "64KiB to policy own's 3MiB (own.yaml:18)"
                ),
                (
                    "write-rate", \.writeBytesPerSecond, 64 << 10, 128 << 10,
                    "64KiB to policy own's 128KiB (own.yaml:19)"
                ),
                ("timeout", \.wallMilliseconds, 1, 10_000, "1ms to policy own's 10s (own.yaml:14)"),
                ("cpu-time", \.cpuMilliseconds, 1, 5000, "1ms to policy own's 5s (own.yaml:15)"),
                ("idle", \.idleMilliseconds, 1, 3000, "1ms to policy own's 3s (own.yaml:16)"),
                ("grace", \.graceMilliseconds, 0, 2000, "0s to policy own's 2s (own.yaml:17)"),
            ]

    @Test("from the least to the policy's; all else is refused with that range", arguments: ranges.indices)
    func range(index: Int) throws {
        let own = try #require(try load(["own": Self.everything])["own"])
        let (name, field, least, most, told) = Self.ranges[index]
        func asked(_ amount: UInt64) -> Limits {
            var limits = Limits()
            limits[keyPath: field] = amount
            return limits
        }
        for amount in [least, most] {
            let narrowed = try own.narrowed(by: asked(amount))
            #expect(narrowed[keyPath: field] == amount)
            // Nothing else changed.
            var back = narrowed
            back[keyPath: field] = own.limits[keyPath: field]
            #expect(back == own.limits)
        }
        for amount in [least &- 1, most + 1, 1 << 63, .max] {
            let text = message(own, asked(amount))
            #expect(text.hasPrefix("limit \(name) of ") && text.hasSuffix(" is not allowed: \(told)"), "\(text)")
        }
        if least > 0 { #expect(message(own, asked(0)).hasSuffix(told)) }
        // The same range in a policy: what no policy can have, no request can.
        #expect(Self.ranges.count + 1 == RequestLimit.allCases.count)
    }

    @Test("cores: a number from 0.001 to the policy's")
    func cores() throws {
        let own = try #require(try load(["own": Self.everything])["own"])
        #expect(try own.narrowed(by: Limits(cpus: 2)).cpus == 2)
        #expect(try own.narrowed(by: Limits(cpus: 0.001)).cpus == 0.001)
        for (cores, shown) in [
            (0, "0.0"), (-1, "-1.0"), (.nan, "nan"), (.infinity, "inf"), (-.infinity, "-inf"), (0.0001, "0.0001"),
            (1e300, "1e+300"), (2.5, "2.5"), (2.00001, "2.001"), (9_223_372_036_854_775_808, "9.223372036854776e+18"),
        ] as [(Double, String)] {
            #expect(
                message(own, Limits(cpus: cores))
                    == "limit cpus of \(shown) is not allowed: 0.001 to policy own's 2 (own.yaml:7)")
        }
    }

    @Test("what holds where the policy sets nothing")
    func absent() throws {
        let own = try policy("")
        #expect(own.limits.swapBytes == 0 && own.limits.graceMilliseconds == 0)
        #expect(own.limits.stdoutBytes == nil && own.limits.idleMilliseconds == nil)
        #expect(try own.narrowed(by: Limits(swapBytes: 0, graceMilliseconds: 0)).swapBytes == 0)
        #expect(
            message(own, Limits(swapBytes: 1))
                == "limit swap of 1B is not allowed: policy own sets no 'limits.swap', which means 0B")
        #expect(message(own, Limits(graceMilliseconds: 1)).hasSuffix("sets no 'limits.grace', which means 0s"))
        #expect(try own.narrowed(by: Limits(stdoutBytes: 1 << 20)).stdoutBytes == 1 << 20)
        #expect(
            message(own, Limits(stderrBytes: 2 << 20))
                == "limit stderr of 2MiB is not allowed: 1B to policy own's output of 1MiB (own.yaml:3)")
        #expect(try own.narrowed(by: Limits(readBytesPerSecond: 1 << 40)).readBytesPerSecond == 1 << 40)
        #expect(message(own, Limits(writeBytesPerSecond: 0)).hasSuffix("not allowed: 64KiB to 1024TiB"))
        #expect(message(own, Limits(idleMilliseconds: .max)).hasSuffix("not allowed: 1ms to 720h"))
        #expect(message(own, Limits(workspaceInodes: 1)).hasSuffix("not allowed: 2 to 1024"))
        // As many as a file system in memory of the policy's size has where nothing is said, and no more.
        #expect(try own.narrowed(by: Limits(workspaceInodes: 1024)).workspaceInodes == 1024)
        #expect(message(own, Limits(workspaceInodes: 1025)).hasSuffix("not allowed: 2 to 1024"))
        let host = try own.narrowed(by: Limits(workspaceInodes: 4_294_967_295), workspaceInMemory: false)
        #expect(host.workspaceInodes == 4_294_967_295)
    }

    @Test("a workspace in memory is never without a size; one of the host has none where none is set")
    func workspace() throws {
        let own = try policy("")
        #expect(try own.narrowed(by: Limits()).workspaceBytes == 1 << 20)
        #expect(try own.narrowed(by: Limits(), workspaceInMemory: false) == own.limits)
        #expect(
            message(own, Limits(workspaceBytes: 2 << 20))
                == "limit workspace-size of 2MiB is not allowed: 4KiB to policy own's tmp of 1MiB (own.yaml:2)")
        #expect(message(own, Limits(workspaceBytes: 2 << 20), inMemory: false) == "allowed")
        let sized = try policy("workspace: { size: 4MiB }\n")
        for inMemory in [false, true] {
            #expect(try sized.narrowed(by: Limits(), workspaceInMemory: inMemory).workspaceBytes == 4 << 20)
            #expect(message(sized, Limits(workspaceBytes: 5 << 20), inMemory: inMemory).hasSuffix("4MiB (own.yaml:4)"))
        }
    }

    @Test("given limits hold, absent ones are the policy's")
    func narrowed() throws {
        let python = try #require(try builtIn.get()["python"])
        let asked = Limits(memoryBytes: 1 << 20, cpus: 0.5, wallMilliseconds: 30_000, idleMilliseconds: 5)
        let narrowed = try python.narrowed(by: asked)
        #expect(narrowed.memoryBytes == 1 << 20 && narrowed.cpus == 0.5 && narrowed.idleMilliseconds == 5)
        #expect(narrowed.processes == 64 && narrowed.cpuMilliseconds == 20_000)
        let line = try #require(python.origin(of: "limits.memory")).line
        #expect(
            message(python, Limits(memoryBytes: 0))
                == "limit memory of 0B is not allowed: 1MiB to policy python's 512MiB (python.yaml:\(line))")
    }

    /// Texts for no option, and the range that each option tells.
    @Test(
        "texts: what no policy could allow is refused with the range",
        arguments: [
            (.memory, "1MiB to 1024TiB"), (.swap, "0B to 1024TiB"), (.cpus, "0.001 to 1024, with at most 3 decimals"),
            (.processes, "1 to 4194304"), (.openFiles, "8 to 1048576"), (.fileSize, "1B to 1024TiB"),
            (.output, "1B to 1024TiB"), (.stdout, "1B to 1024TiB"), (.stderr, "1B to 1024TiB"),
            (.tmp, "4KiB to 1024TiB"), (.workspaceSize, "4KiB to 1024TiB"), (.workspaceInodes, "2 to 4294967295"),
            (.readRate, "64KiB to 1024TiB"), (.writeRate, "64KiB to 1024TiB"), (.timeout, "1ms to 720h"),
            (.cpuTime, "1ms to 720h"), (.idle, "1ms to 720h"), (.grace, "0s to 5m"),
        ] as [(RequestLimit, String)])
    func texts(limit: RequestLimit, range: String) {
        let bad = [
            "0", "-1", "inf", "9223372036854775808", "1.5.2GiB", "1e9", "", " 5s", "1025TiB", "721h", "-0B", "0x10",
            "nan", "4294967296", "+1s", "5 s", "1_000", "\u{663}s",
        ]
        for text in bad {
            let error = #expect(throws: QuantityError.self, "\(limit.name) \(text)") { try limit.parse(text) }
            #expect(error?.description.contains("the range is \(range)") == true, "\(limit.name): \(error as Any)")
        }
    }
}
