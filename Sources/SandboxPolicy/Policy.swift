package import LaunchPlan
package import SandboxModel
import SeccompFilter

/// One policy with everything inherited merged in: what a run may be and do.
///
/// A value, complete and checked when it exists. The kernel's part of it is `compiled()`; the rest is judged here.
package struct Policy: Sendable {
    package let name: String
    package let description: String
    /// Complete, but for what a policy may leave open: `cpu-time`, `idle`, `stdout`, `stderr`, the rates, and size and
    /// inodes of the workspace.
    package let limits: Limits
    /// Equal for equal effective content, whatever the files' names, comments and layout: FNV-1a, 64 bits, in hex.
    ///
    /// It tells versions of a policy apart in logs and results. It is no protection against forgery: nothing trusts it.
    package let digest: String

    package let origin: PolicyOrigin
    let file: String
    let settings: [PolicyKey: Located<Setting>]
    /// The rules of `commands.deny`.
    let denied: CommandRuleIndex
    /// What a command finds in its environment whose request adds nothing: sorted "NAME=value".
    let ownEnvironment: [String]
    /// Who may use it; `nil`: everybody who may connect.
    var tenants: Tenants?

    init(_ file: PolicyFile, merged: PolicyResolver.Merged) {
        name = file.name
        self.file = file.source.file
        origin = file.origin
        description = merged.description ?? ""
        var settings = merged.settings
        Self.dropUselessHides(&settings)
        self.settings = settings
        if case .rules(let rules)? = settings[.deny]?.value {
            denied = CommandRuleIndex(rules)
        } else {
            denied = CommandRuleIndex([])
        }
        limits = Self.limits(settings)
        ownEnvironment = Self.environment(settings)
        tenants = Self.tenants(settings)
        digest = Digest.hex(of: settings)
    }

    /// A parent's hidden paths that lie below nothing that this policy shows: there is nothing to hide.
    private static func dropUselessHides(_ settings: inout [PolicyKey: Located<Setting>]) {
        guard case .list(let hidden)? = settings[.hide]?.value, let place = settings[.hide]?.location else { return }
        let read = settings[.read]?.value.strings ?? []
        let useful = hidden.filter { path in read.contains { PolicyPath.isBelow(path.value, $0) } }
        settings[.hide] = Located(value: .list(useful), location: place)
    }

    private static func environment(_ settings: [PolicyKey: Located<Setting>]) -> [String] {
        guard case .variables(let variables)? = settings[.set]?.value else { return [] }
        return variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.value)" }
    }

    private static func limits(_ settings: [PolicyKey: Located<Setting>]) -> Limits {
        func amount(_ key: PolicyKey) -> UInt64? {
            if case .amount(let amount)? = settings[key]?.value { amount } else { nil }
        }
        var limits = Limits(cpus: amount(.cpus).map { Double($0) / 1000 })
        for limit in RequestLimit.allCases {
            guard let field = limit.field else { continue }
            limits[keyPath: field] = amount(limit.key) ?? limit.key.amountWhenAbsent
        }
        return limits
    }

    /// Where a key ("limits.memory", "network") or a variable ("environment.set.PATH") got its value; `nil` where no
    /// file gives one.
    package func origin(of key: String) -> SourceLocation? {
        let prefix = PolicyKey.set.rawValue + "."
        if key.hasPrefix(prefix) { return variables[String(key.dropFirst(prefix.count))]?.location }
        return PolicyKey(rawValue: key).flatMap { settings[$0]?.location }
    }

    package var summary: PolicySummary {
        PolicySummary(
            name: name, description: description, digest: digest, origin: origin.description,
            backend: usesImage ? "docker" : "native")
    }

    /// The launcher's part.
    package func compiled() -> CompiledPolicy {
        let modes: [String: CompiledPolicy.WorkspaceMode] = ["none": .none, "read": .read, "write": .write]
        // A zero below cannot happen in a policy that was resolved; where it does, the launcher refuses every run.
        let maximum = LaunchLimits(
            memoryBytes: amount(.memory) ?? 0, cpuMillicores: UInt32(clamping: amount(.cpus) ?? 0),
            processes: UInt32(clamping: amount(.processes) ?? 0), openFiles: UInt32(clamping: amount(.openFiles) ?? 0),
            fileSizeBytes: amount(.fileSize) ?? 0, cpuSeconds: cpuSeconds, swapBytes: amount(.swap) ?? 0,
            tmpBytes: amount(.tmp) ?? 0, workspaceBytes: amount(.workspaceSize),
            workspaceInodes: amount(.workspaceInodes), readBytesPerSecond: amount(.readRate),
            writeBytesPerSecond: amount(.writeRate))
        let calls = SystemCallCatalog.expand(allow: strings(.syscallsAllow), deny: strings(.syscallsDeny))
        return CompiledPolicy(
            name: name, readPaths: strings(.read), hidePaths: strings(.hide), tmpBytes: amount(.tmp) ?? 0,
            shmBytes: amount(.shm) ?? 0, workspaceMode: modes[word(.mode)] ?? .none, workspaceRoots: strings(.roots),
            executeWritten: executesWritten,
            executePaths: settings[.programs]?.value.strings.map(PolicyPath.merging),
            libraryPaths: settings[.libraries]?.value.strings.map(PolicyPath.merging),
            writeExecuteMemory: settings[.writeExecuteMemory]?.value == .flag(true),
            loopback: word(.network) == "loopback" || engineNetwork != nil, syscallsAllowed: calls.allow,
            syscallsDenied: calls.deny, maximum: maximum, container: container)
    }

    /// RLIMIT_CPU is a backstop per process, above what the daemon watches for the whole tree: it must not be first, also
    /// not while a run that has used up its time has its grace to end.
    private var cpuSeconds: UInt64? {
        guard let time = amount(.cpuTime) else { return nil }
        let inGrace = (amount(.grace) ?? 0) * (amount(.cpus) ?? 0) / 1000
        return (time + inGrace) / 1000 + 2
    }
}

// MARK: - Typed access

extension Policy {
    func amount(_ key: PolicyKey) -> UInt64? {
        if case .amount(let amount)? = settings[key]?.value { amount } else { nil }
    }

    /// "none" where nothing is said: silence is never the wider choice.
    func word(_ key: PolicyKey) -> String {
        if case .word(let word)? = settings[key]?.value { word } else { "none" }
    }

    func strings(_ key: PolicyKey) -> [String] { settings[key]?.value.strings ?? [] }

    func items(_ key: PolicyKey) -> [Located<String>] {
        if case .list(let items)? = settings[key]?.value { items } else { [] }
    }

    func rules(_ key: PolicyKey) -> [CommandRule]? {
        if case .rules(let rules)? = settings[key]?.value { rules } else { nil }
    }

    var variables: [String: Located<String>] {
        if case .variables(let variables)? = settings[.set]?.value { variables } else { [:] }
    }

    /// What holds for a command that cannot be judged from its text. Silence is the narrower choice.
    var undecidedIsAllowed: Bool { settings[.undecided]?.value == .word("allow") }

    var executesWritten: Bool { settings[.execute]?.value == .flag(true) }

    /// The place of a key, or the file's first line where the key is absent.
    func place(_ key: PolicyKey) -> SourceLocation {
        settings[key]?.location ?? SourceLocation(file: file, line: 1, column: 1)
    }
}
