/// Every key that says what a policy allows, by its path in the file.
///
/// `version`, `description`, `extends` and `final` are not here: they are about the file.
enum PolicyKey: String, CaseIterable, Sendable {
    case backend
    case read = "filesystem.read"
    case hide = "filesystem.hide"
    case tmp = "filesystem.tmp"
    case shm = "filesystem.shm"
    case roots = "workspace.roots"
    case mode = "workspace.mode"
    case execute = "workspace.execute"
    case allow = "commands.allow"
    case deny = "commands.deny"
    case undecided = "commands.undecided"
    case programs = "commands.execute"
    case libraries = "commands.libraries"
    case writeExecuteMemory = "commands.write-execute-memory"
    case pass = "environment.pass"
    case set = "environment.set"
    case network
    case syscallsAllow = "syscalls.allow"
    case syscallsDeny = "syscalls.deny"
    case memory = "limits.memory"
    case cpus = "limits.cpus"
    case processes = "limits.processes"
    case openFiles = "limits.open-files"
    case fileSize = "limits.file-size"
    case output = "limits.output"
    case timeout = "limits.timeout"
    case cpuTime = "limits.cpu-time"
    case idle = "limits.idle"
    case tenantUsers = "tenants.users"
    case tenantGroups = "tenants.groups"

    /// What stands behind the key.
    enum Kind: Sendable {
        case bytes(least: UInt64)
        case duration
        case count(ClosedRange<UInt64>)
        case cores
        case readPaths, hidePaths, roots
        /// Programs, and with a slash at the end directories of them.
        case programs
        case libraries
        /// One of these, the narrowest first.
        case word([String])
        case flag
        case rules
        case variableNames, variables
        case syscalls
        /// Names of users or groups, or their numbers.
        case accounts
    }

    var kind: Kind {
        switch self {
        case .backend: .word(["native"])
        case .read: .readPaths
        case .hide: .hidePaths
        // A tmpfs of size 0 has no bound, so there is no way to write 0 here.
        case .tmp, .shm: .bytes(least: 4096)
        case .roots: .roots
        case .mode: .word(["none", "read", "write"])
        case .execute, .writeExecuteMemory: .flag
        case .allow, .deny: .rules
        case .undecided: .word(["deny", "allow"])
        case .programs: .programs
        case .libraries: .libraries
        case .pass: .variableNames
        case .set: .variables
        case .network: .word(["none", "loopback"])
        case .syscallsAllow, .syscallsDeny: .syscalls
        case .memory: .bytes(least: 1 << 20)
        case .cpus: .cores
        case .processes: .count(1...4_194_304)
        case .openFiles: .count(8...1_048_576)
        case .fileSize, .output: .bytes(least: 1)
        case .timeout, .cpuTime, .idle: .duration
        case .tenantUsers, .tenantGroups: .accounts
        }
    }

    /// "limits" of "limits.memory"; the key itself at the top level.
    var section: String { String(rawValue.prefix { $0 != "." }) }
    /// "memory" of "limits.memory".
    var name: String { String(rawValue.drop { $0 != "." }.dropFirst()) }
    var isTopLevel: Bool { section == rawValue }

    static let sections: [String] = {
        var sections: [String] = []
        for key in allCases where !key.isTopLevel && !sections.contains(key.section) { sections.append(key.section) }
        return sections
    }()

    static func keys(of section: String) -> [PolicyKey] {
        allCases.filter { !$0.isTopLevel && $0.section == section }
    }

    /// What every policy must have after merging: an absent one would mean "no limit".
    static let required: [PolicyKey] = [
        .tmp, .shm, .memory, .cpus, .processes, .openFiles, .fileSize, .output, .timeout,
    ]

    /// Keys of the design that nothing enforces yet. Refused by name, so that nobody believes them.
    static let unenforced: Set<String> = ["workspace.size", "workspace.inodes", "docker"]

    /// Keys about the file itself.
    static let fileKeys = ["version", "description", "extends", "final"]
}
