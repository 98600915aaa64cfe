import Foundation
import Glibc
import SeccompFilter
import Testing

/// What a container's runtime is told, read as it reads it.
@Suite struct OCIProfileTests {
    private static func profile(
        refusal: OCIProfile.Refusal = .error, _ change: (inout FilterRequest) -> Void = { _ in }
    ) throws -> Profile {
        var request = FilterRequest()
        change(&request)
        return try Profile(OCIProfile.json(for: request, refusal: refusal))
    }

    @Test func saysWhatBecomesOfEverythingElse() throws {
        let profile = try Self.profile()
        #expect(profile.text.utf8.count < 64 << 10, "\(profile.text.utf8.count)")
        #expect(profile.defaultAction == "SCMP_ACT_ERRNO" && profile.defaultError == EPERM)
        #expect(profile.architectures.count == 1)
        #if arch(x86_64)
            #expect(profile.architectures == ["SCMP_ARCH_X86_64"])
        #endif
        let traced = try Self.profile(refusal: .trace)
        #expect(traced.defaultAction == "SCMP_ACT_TRACE" && traced.defaultError == nil)
        #expect(traced.entries == profile.entries)
    }

    @Test func isTheSameTwice() throws {
        let texts = try (0..<8).map { _ in try Self.profile { $0.allow = ["host", "ptrace", "kcmp"] }.text }
        #expect(Set(texts).count == 1)
        // Sets have another order in every process.
        let profile = try Self.profile()
        #expect(profile.entries[0].names.count > 200 && profile.entries.allSatisfy { $0.names == $0.names.sorted() })
        let conditional = profile.entries.dropFirst().filter { $0.action == "SCMP_ACT_ALLOW" }.flatMap(\.names)
        #expect(conditional == conditional.sorted())
    }

    @Test(arguments: [
        "mount", "umount2", "bpf", "keyctl", "add_key", "unshare", "setns", "pivot_root", "io_uring_setup",
        "init_module",
        "kexec_load", "reboot", "swapon", "open_by_handle_at", "userfaultfd", "perf_event_open", "acct", "syslog",
        "process_vm_writev", "vmsplice", "move_mount", "open_tree", "sethostname",
    ])
    func refusesWhatTheCatalogRefuses(_ call: String) throws {
        #expect(try Self.profile().answer(call) == .refused)
    }

    @Test func answersMissingCallsAsTheFilterDoes() throws {
        let profile = try Self.profile()
        for call in ["clone3", "get_mempolicy"] { #expect(profile.answer(call) == .error(ENOSYS), "\(call)") }
        for call in ["sendfile", "splice"] { #expect(profile.answer(call) == .error(EINVAL), "\(call)") }
        // sandbox-init's own; for the command the filter inside says ENOSYS.
        #expect(profile.answer("openat2") == .allowed)
    }

    @Test func followsThePolicy() throws {
        #expect(try Self.profile { $0.allow = ["acct"] }.answer("acct") == .allowed)
        #expect(try Self.profile { $0.deny = ["ptrace"] }.answer("ptrace") == .refused)
        #expect(try Self.profile().answer("ptrace") == .allowed)
        #expect(try Self.profile { $0.deny = ["network-server"] }.answer("listen") == .refused)
        #expect(try Self.profile { $0.refusesMemoryFiles = true }.answer("memfd_create") == .refused)
        // FilterCompiler does not take this at all.
        #expect(try Self.profile { $0.allow = ["bpf", "ebpf", "raed"] }.answer("bpf") == .refused)
    }

    @Test func knowsArguments() throws {
        let profile = try Self.profile()
        #expect(profile.answer("chmod", [0, 0o755]) == .allowed)
        #expect(profile.answer("chmod", [0, 0o4755]) == .refused)
        #expect(profile.answer("clone", [0x1000_0000]) == .refused)
        #expect(profile.answer("clone", [UInt64(SIGCHLD)]) == .allowed)
        #expect(profile.answer("socket", [UInt64(AF_UNIX), 5, 0]) == .allowed)
        #expect(profile.answer("socket", [38, 5, 0]) == .refused)
        let mapping: [UInt64] = [0, 4096, 6, 2]
        #expect(profile.answer("mmap", mapping) == .allowed)
        #expect(try Self.profile { $0.refusesExecutableMemory = true }.answer("mmap", mapping) == .refused)
    }

    /// runc takes two conditions on one argument for alternatives.
    @Test func noEntryHasTwoConditionsOnOneArgument() throws {
        let profile = try Self.profile {
            ($0.refusesExecutableMemory, $0.refusesExecutableSharedMemory, $0.limitsOwnProcessOnly) = (true, true, true)
        }
        for entry in profile.entries {
            #expect(Set(entry.conditions.map(\.index)).count == entry.conditions.count, "\(entry.names)")
        }
    }

    /// Every call that sandbox-init's sources name is allowed, also for a policy that denies it, but for those that the engine
    /// makes in its place.
    @Test func keepsWhatSandboxInitCalls() throws {
        let everything = SystemCallCatalog.groups.map(\.name)
        let profile = try Self.profile {
            $0.deny = everything
            ($0.refusesExecutableMemory, $0.refusesMemoryFiles, $0.watched) = (true, true, [.connect, .execute, .send])
        }
        let byEngine: Set = [
            "mount", "move_mount", "unshare", "sethostname", "setgroups", "setresgid", "setresuid",
        ]
        let called = try Self.callsOfSandboxInit()
        #expect(called.count > 40 && called.isSuperset(of: ["seccomp", "execveat", "process_vm_readv", "signalfd4"]))
        for call in called.subtracting(byEngine).union(["connect", "sendmsg"]).sorted() {
            // What else it is called with, no condition is about. Here 0 is no family.
            let arguments: [UInt64] = call == "socket" ? [UInt64(AF_UNIX)] : []
            #expect(profile.answer(call, arguments) == .allowed, "\(call)")
        }
        #expect(profile.answer("prlimit64", [0, 4, 1]) == .allowed)
        for call in ["futex", "rt_sigreturn", "getdents64", "exit_group"] {
            #expect(profile.answer(call) == .allowed, "the runtime's \(call)")
        }
        for call in ["ptrace", "unlink", "setresuid", "bind", "shmget"] {
            #expect(profile.answer(call) == .refused, "\(call)")
        }
    }

    private static func callsOfSandboxInit() throws -> Set<String> {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Sources")
        var calls: Set<String> = []
        for directory in ["sandbox-init", "CInit"] {
            let folder = root.appendingPathComponent(directory)
            for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
                guard ["swift", "c"].contains(file.pathExtension) else { continue }
                let text = try String(contentsOf: file, encoding: .utf8)
                for match in text.matches(of: /__NR_([a-z0-9_]+)/) { calls.insert(String(match.1)) }
            }
        }
        return calls
    }

    #if arch(x86_64)
        /// Nothing that the filter inside lets through, or lets pid 1 let through, is refused outside.
        @Test(arguments: FilterTests.requests) func isNeverNarrowerThanTheFilter(_ request: FilterRequest) throws {
            let profile = try Profile(OCIProfile.json(for: request))
            let filter = FilterSimulator(try FilterCompiler.compile(request))
            let constants = [0, 1, .max, 1 << 32] + filter.constants.map(UInt64.init)
            var random = SplitMix(seed: 7)
            var allowed = 0
            for number in Int32(0)..<460 {
                guard let name = SystemCallCatalog.name(of: number) else { continue }
                for _ in 0..<60 {
                    let arguments = (0..<6).map { _ in constants.randomElement(using: &random) ?? 0 }
                    guard filter.answer(number, arguments) == .allow else { continue }
                    allowed += 1
                    #expect(profile.answer(name, arguments) == .allowed, "\(name) \(arguments)")
                }
            }
            #expect(allowed > 10_000)
        }

        /// And what pid 1 looks at before it lets it through.
        @Test func watchedCallsPass() throws {
            let profile = try Self.profile { $0.watched = [.connect, .execute, .send] }
            for call in ["connect", "execve", "execveat"] { #expect(profile.answer(call) == .allowed, "\(call)") }
            #expect(profile.answer("sendto", [1, 1, 1, 0, 1, 16]) == .allowed)
        }
    #endif
}

/// A profile, understood as runc does: one entry matches with all its conditions, any matching entry counts.
private struct Profile {
    enum Answer: Equatable {
        case allowed, refused
        case error(Int32)
    }

    struct Entry: Equatable {
        var names: [String]
        var action: String
        var error: Int32?
        var conditions: [Condition]
    }

    struct Condition: Equatable {
        var index: Int
        var mask: UInt64
        var value: UInt64
    }

    let text: String
    let defaultAction: String
    let defaultError: Int32?
    let architectures: [String]
    let entries: [Entry]

    init(_ text: String) throws {
        self.text = text
        let parsed = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        defaultAction = try #require(parsed["defaultAction"] as? String)
        defaultError = (parsed["defaultErrnoRet"] as? NSNumber)?.int32Value
        architectures = try #require(parsed["architectures"] as? [String])
        entries = try #require(parsed["syscalls"] as? [[String: Any]]).map { entry in
            Entry(
                names: try #require(entry["names"] as? [String]), action: try #require(entry["action"] as? String),
                error: (entry["errnoRet"] as? NSNumber)?.int32Value,
                conditions: try (entry["args"] as? [[String: Any]] ?? []).map { argument in
                    try #require(argument["op"] as? String == "SCMP_CMP_MASKED_EQ")
                    return Condition(
                        index: try #require(argument["index"] as? NSNumber).intValue,
                        mask: try #require(argument["value"] as? NSNumber).uint64Value,
                        value: try #require(argument["valueTwo"] as? NSNumber).uint64Value)
                })
        }
    }

    func answer(_ call: String, _ arguments: [UInt64] = []) -> Answer {
        let entry = entries.first { entry in
            entry.names.contains(call)
                && entry.conditions.allSatisfy { condition in
                    let argument = condition.index < arguments.count ? arguments[condition.index] : 0
                    return argument & condition.mask == condition.value
                }
        }
        switch entry?.action {
        case "SCMP_ACT_ALLOW": return .allowed
        case "SCMP_ACT_ERRNO": return .error(entry?.error ?? EPERM)
        default: return .refused
        }
    }
}
