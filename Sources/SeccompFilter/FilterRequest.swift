/// What a policy wants of its filter, beyond the base list.
package struct FilterRequest: Sendable, Equatable {
    /// Calls and groups beyond the base list; never those that would make the filter meaningless.
    package var allow: [String] = []
    /// Calls and groups taken out of it.
    package var deny: [String] = []
    /// Calls that pid 1 lets through, after a look at what they are about.
    package var watched: Watched = []
    /// No files in memory: they could be executed, or mapped twice, to write and to execute.
    package var refusesMemoryFiles = false
    /// No memory that is writable and executable, at once or one after the other, where the kernel itself cannot be told
    /// (PR_SET_MDWE, Linux 6.3).
    package var refusesExecutableMemory = false
    /// No shared memory that can be executed, of System V or of mmap(2). PR_SET_MDWE looks at one mapping at a time: of
    /// memory that is shared, mremap(2) or a child of fork(2) has a second one, to write.
    package var refusesExecutableSharedMemory = false

    /// Limits of oneself alone, `prlimit(2)` with 0: pid 1 has the command's uid in a container and where the launcher is not root,
    /// and nothing else keeps its limits from the command.
    package var limitsOwnProcessOnly = false

    package init() {}

    /// Calls of which some end in a refusal that should be reported: pid 1 hears of every one of them.
    package struct Watched: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// `connect(2)`.
        package static let connect = Watched(rawValue: 1)
        /// `execve(2)`, `execveat(2)`.
        package static let execute = Watched(rawValue: 2)
        /// `sendto(2)` with an address.
        package static let send = Watched(rawValue: 4)
    }
}

extension FilterRequest {
    /// What pid 1 is to let through: a call that the policy denies is refused and not watched.
    package var watchedAndAllowed: Watched {
        var watched = watched
        if !allows("connect") { watched.remove(.connect) }
        if !allows("sendto") { watched.remove(.send) }
        if !allows("execve") || !allows("execveat") { watched.remove(.execute) }
        return watched
    }

    /// Whether the policy lets a call pass, be it with some arguments only.
    private func allows(_ call: String) -> Bool {
        let kind = SystemCallCatalog.decide(call, allow: allow, deny: deny).kind
        return kind == .allowed || kind == .conditional
    }

    /// Calls that no rule lets through because of what else was asked for.
    var refused: Set<String> {
        var calls: Set<String> = []
        if watched.contains(.connect) { calls.insert("connect") }
        if watched.contains(.execute) { calls.formUnion(["execve", "execveat"]) }
        if refusesMemoryFiles { calls.formUnion(["memfd_create", "memfd_secret"]) }
        return calls
    }

    /// When a call is allowed; `nil` for always.
    func rules(for call: String) -> [[ArgumentCondition]]? {
        switch call {
        case "sendto" where watched.contains(.send):
            [[ArgumentCondition(index: 4, mask: .max, value: 0)]]
        case "mmap" where refusesExecutableMemory || refusesExecutableSharedMemory: mapping
        case "mprotect" where refusesExecutableMemory, "pkey_mprotect" where refusesExecutableMemory:
            [[ArgumentCondition(index: 2, mask: Self.execute, value: 0)]]
        case "prlimit64" where limitsOwnProcessOnly:
            ArgumentRules.rules(for: call)?.map { $0 + [ArgumentCondition(index: 0, mask: 0xffff_ffff, value: 0)] }
        case "shmat" where refusesExecutableSharedMemory:
            [[ArgumentCondition(index: 2, mask: Self.sharedExecutable, value: 0)]]
        default: ArgumentRules.rules(for: call)
        }
    }

    private var mapping: [[ArgumentCondition]] {
        var executable = ArgumentRules.withoutHugePages
        if refusesExecutableSharedMemory { executable.mask |= Self.shared }
        // What is not executable may be shared; what is must not be writable, which else the kernel itself sees to.
        let protection = refusesExecutableMemory ? Self.write | Self.execute : Self.execute
        return [
            [ArgumentCondition(index: 2, mask: Self.execute, value: 0), ArgumentRules.withoutHugePages],
            [ArgumentCondition(index: 2, mask: protection, value: Self.execute), executable],
        ]
    }

    /// PROT_WRITE and PROT_EXEC, `mmap(2)`.
    private static let write: UInt64 = 2
    private static let execute: UInt64 = 4
    /// The bit that MAP_SHARED and MAP_SHARED_VALIDATE have and MAP_PRIVATE has not.
    private static let shared: UInt64 = 1
    /// SHM_EXEC, `shmop(2)`.
    private static let sharedExecutable: UInt64 = 0o100000
}
