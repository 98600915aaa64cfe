import LaunchPlan
import SandboxModel
import SandboxPolicy
import Testing

@Suite("Policies")
struct PolicyTests {
    @Test("the built-ins load and are what the design says")
    func builtIns() throws {
        let set = try PolicySet.builtIn()
        #expect(set.names == ["build", "default", "deny-all", "python", "python-only", "readonly", "shell"])
        for name in set.names { #expect(set[name]?.description.isEmpty == false) }
        let python = try #require(set["python"])
        #expect(
            python.limits
                == Limits(
                    memoryBytes: 512 << 20, swapBytes: 0, cpus: 1, processes: 64, openFiles: 256,
                    fileSizeBytes: 100 << 20, outputBytes: 10 << 20, tmpBytes: 256 << 20, wallMilliseconds: 30_000,
                    cpuMilliseconds: 20_000, graceMilliseconds: 500))
        let compiled = python.compiled()
        #expect(!compiled.executeWritten && !compiled.loopback && compiled.workspaceMode == .write)
        #expect(compiled.maximum.cpuSeconds == 22 && compiled.maximum.cpuMillicores == 1000)
        let standard = try #require(set["default"]).compiled()
        #expect(standard.executeWritten && standard.workspaceRoots == ["/"] && standard.readPaths.contains("/usr"))
        #expect(!standard.readPaths.contains("/etc") && standard.tmpBytes == 256 << 20)
        let nothing = try #require(set["deny-all"])
        #expect(nothing.compiled().readPaths == [] && nothing.compiled().workspaceMode == .none)
        #expect(nothing.judge(argv: ["true"]) != .allowed(rule: nil))
        #expect(nothing.compiled().executePaths == [] && !nothing.compiled().writeExecuteMemory)
        let only = try #require(set["python-only"]).compiled()
        #expect(only.executePaths == ["/usr/bin/python3"] && only.libraryPaths == nil && !only.writeExecuteMemory)
        let build = try #require(set["build"]).compiled()
        #expect(build.executeWritten && build.loopback && build.workspaceMode == .write)
        let readonly = try #require(set["readonly"]).compiled()
        #expect(!readonly.executeWritten && !readonly.loopback && readonly.workspaceMode == .read)
    }

    @Test("compiled: every field")
    func compiled() throws {
        let own = try policy(
            """
            workspace: { roots: [~, /srv], mode: read }
            commands: { execute: [/bin/sh, /usr/bin/], libraries: [/usr/lib], write-execute-memory: true }
            network: loopback
            syscalls: { allow: [process_vm_writev], deny: [debug, kexec_load] }

            """)
        let expected = CompiledPolicy(
            name: "own", readPaths: ["/usr"], tmpBytes: 1 << 20, shmBytes: 1 << 20, workspaceMode: .read,
            workspaceRoots: ["~", "/srv"], executeWritten: false, executePaths: ["/usr/bin/sh", "/usr/bin/"],
            libraryPaths: ["/usr/lib"], writeExecuteMemory: true, loopback: true,
            syscallsAllowed: ["process_vm_writev"],
            // Its own name goes before its group.
            syscallsDenied: [
                "kcmp", "kexec_load", "lookup_dcookie", "perf_event_open", "pidfd_getfd", "process_vm_readv", "ptrace",
            ],
            maximum: LaunchLimits(
                memoryBytes: 1 << 30, cpuMillicores: 2000, processes: 8, openFiles: 64, fileSizeBytes: 1 << 20,
                tmpBytes: 1 << 20))
        #expect(own.compiled() == expected)
        let limited = try load(["own": LimitTests.everything])["own"]?.compiled()
        #expect(
            limited?.maximum
                == LaunchLimits(
                    memoryBytes: 1 << 30, cpuMillicores: 2000, processes: 8, openFiles: 64, fileSizeBytes: 1 << 20,
                    // Five seconds, and what two cores can use up in two seconds of grace.
                    cpuSeconds: 11, swapBytes: 2 << 20, tmpBytes: 1 << 20, workspaceBytes: 8 << 20,
                    workspaceInodes: 1000, readBytesPerSecond: 3 << 20, writeBytesPerSecond: 128 << 10))
        let silent = try policy("").compiled()
        #expect(silent.executePaths == nil && silent.libraryPaths == nil && !silent.writeExecuteMemory)
        #expect(try policy("commands: { execute: [] }\n").compiled().executePaths == [])
    }

    @Test("an inherited hidden path below nothing is dropped")
    func hides() throws {
        let base = minimal.replacing("read: [/usr]", with: "read: [/usr, /opt], hide: [/opt/x, /usr/share/y]")
        let set = try load(["base": base, "child": "version: 1\nextends: base\nfilesystem: { read: [/usr] }\n"])
        #expect(set["base"]?.compiled().hidePaths == ["/opt/x", "/usr/share/y"])
        #expect(set["child"]?.compiled().hidePaths == ["/usr/share/y"])
    }

    @Test("the digest follows the content, not its form")
    func digest() throws {
        let one = try policy("environment: { pass: [A, B] }\n")
        let same = try policy("# a comment\ndescription: other words\nenvironment:\n  pass: [B, \"A\"]\n")
        let other = try policy("environment: { pass: [A, B, C] }\n")
        #expect(one.digest == same.digest)
        #expect(one.digest != other.digest)
        #expect(one.digest.count == 16)
        let plain = try policy("")
        let spelt = try policy(
            "backend: native\nnetwork: none\nworkspace: { roots: [], mode: none, execute: false }\n"
                + "commands: { deny: [], undecided: deny, write-execute-memory: false }\n"
        )
        #expect(plain.digest == spelt.digest)
        func limited(_ limits: String) throws -> String {
            let text = minimal.replacing("timeout: 10s", with: "timeout: 10s, \(limits)")
            return try #require(try load(["own": text])["own"]).digest
        }
        #expect(try limited("swap: 0MiB, grace: 0ms") == plain.digest)
        let lines = ["swap: 1B", "grace: 1ms", "stdout: 1MiB", "stderr: 1MiB", "read-rate: 1MiB", "write-rate: 1MiB"]
        #expect(Set(try lines.map(limited) + [plain.digest]).count == 7)
        let closed = ["commands: { allow: [] }", "commands: { execute: [] }", "tenants: { users: [] }"]
        #expect(Set(try closed.map { try policy($0 + "\n").digest } + [plain.digest]).count == 4)
    }

    @Test("the rendered policy reads back as the same one and names origins")
    func renderer() throws {
        let set = try load(["own": LimitTests.everything])
        for name in set.names {
            let policy = try #require(set[name])
            let text = PolicyRenderer.effective(policy)
            let again = try #require(try load(["again": text])["again"])
            #expect(again.digest == policy.digest, "\(text)")
            // Read as a service's, every origin is what it was.
            let received = try EffectivePolicy.read(name: name, text: text, digest: policy.digest)
            #expect(PolicyRenderer.effective(received) == text)
            #expect(throws: PolicyErrors.self) { try EffectivePolicy.read(name: name, text: text, digest: "0") }
        }
        let own = PolicyRenderer.effective(try #require(set["own"]))
        for line in ["swap: 2MiB", "grace: 2s", "stderr: 4KiB", "write-rate: 128KiB", "inodes: 1000", "size: 8MiB"] {
            #expect(own.contains("\n  \(line)  # own.yaml:"), "\(own)")
        }
        let python = PolicyRenderer.effective(try #require(try builtIn.get()["python"]))
        #expect(python.contains("\n  timeout: 30s  # python.yaml:"))
        #expect(python.contains("\n    - /usr  # default.yaml:"))
        #expect(python.contains("\n  deny:  # python.yaml:"))
        #expect(python.contains("\n    HOME: /tmp  # default.yaml:"))
        #expect(python.contains("\n    PYTHONDONTWRITEBYTECODE: \"1\"  # python.yaml:"))
    }

    @Test("environment: passed, set, overridden, refused")
    func environment() throws {
        let own = try policy("environment: { pass: [LANG, \"LC_*\"], set: { LANG: C, HOME: /tmp, EMPTY: \"\" } }\n")
        #expect(try own.environment(requested: [:]) == ["EMPTY=", "HOME=/tmp", "LANG=C"])
        #expect(
            try own.environment(requested: ["LANG": "de", "LC_ALL": "x", "HOME": "/tmp"])
                == ["EMPTY=", "HOME=/tmp", "LANG=de", "LC_ALL=x"])
        func refusal(_ requested: [String: String]) -> Denial? {
            do throws(EnvironmentRefusal) { _ = try own.environment(requested: requested) } catch {
                return error.denial
            }
            return nil
        }
        let home = try #require(refusal(["HOME": "/root"]))
        #expect(home.kind == .environment && home.subject == "HOME" && home.rule == "own.yaml:4")
        #expect(home.hint == "policy own sets this variable and does not pass another value")
        #expect(refusal(["LD_PRELOAD": "secret"])?.hint == "policy own passes only LANG, LC_*; leave it out")
        #expect(refusal(["LC_A=B": "x"]) != nil)
        #expect(refusal(["LC_": "x\u{0}y"]) != nil)
        #expect(refusal(["": "x"]) != nil)
        let standard = try #require(try builtIn.get()["default"])
        #expect(try standard.environment(requested: ["PATH": "/x"]).contains("PATH=/x"))
        #expect(throws: EnvironmentRefusal.self) { try policy("").environment(requested: ["A": ""]) }
    }
}
