import LaunchPlan
import SandboxModel

/// Every key that says what a policy allows, by its path in the file.
///
/// `version`, `description`, `extends` and `final` are not here: they are about the file.
enum PolicyKey: String, CaseIterable, Sendable {
    case backend
    case image = "docker.image"
    case pull = "docker.pull"
    case containerUser = "docker.user"
    case containerNetwork = "docker.network"
    case ahead = "docker.ahead"
    case read = "filesystem.read"
    case hide = "filesystem.hide"
    case tmp = "filesystem.tmp"
    case shm = "filesystem.shm"
    case roots = "workspace.roots"
    case mode = "workspace.mode"
    case workspaceSize = "workspace.size"
    case workspaceInodes = "workspace.inodes"
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
    case swap = "limits.swap"
    case cpus = "limits.cpus"
    case processes = "limits.processes"
    case openFiles = "limits.open-files"
    case fileSize = "limits.file-size"
    case output = "limits.output"
    case stdout = "limits.stdout"
    case stderr = "limits.stderr"
    case timeout = "limits.timeout"
    case cpuTime = "limits.cpu-time"
    case idle = "limits.idle"
    case grace = "limits.grace"
    case readRate = "limits.read-rate"
    case writeRate = "limits.write-rate"
    case tenantUsers = "tenants.users"
    case tenantGroups = "tenants.groups"

    /// What stands behind the key.
    enum Kind: Sendable {
        case amount(AmountKind)
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
        case image, containerUser, containerNetwork
        /// Names of users or groups, or their numbers.
        case accounts
    }

    var kind: Kind {
        switch self {
        case .backend: .word(["native", "docker"])
        case .image: .image
        case .pull: .word(["never", "missing"])
        case .containerUser: .containerUser
        case .containerNetwork: .containerNetwork
        case .ahead: .amount(.count(0...UInt64(ContainerPlan.mostAhead)))
        case .read: .readPaths
        case .hide: .hidePaths
        case .tmp, .shm: .amount(RequestLimit.tmp.kind)
        case .workspaceSize: .amount(RequestLimit.workspaceSize.kind)
        case .workspaceInodes: .amount(RequestLimit.workspaceInodes.kind)
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
        case .memory: .amount(RequestLimit.memory.kind)
        case .swap: .amount(RequestLimit.swap.kind)
        case .cpus: .amount(RequestLimit.cpus.kind)
        case .processes: .amount(RequestLimit.processes.kind)
        case .openFiles: .amount(RequestLimit.openFiles.kind)
        case .fileSize: .amount(RequestLimit.fileSize.kind)
        case .output: .amount(RequestLimit.output.kind)
        case .stdout: .amount(RequestLimit.stdout.kind)
        case .stderr: .amount(RequestLimit.stderr.kind)
        case .timeout: .amount(RequestLimit.timeout.kind)
        case .cpuTime: .amount(RequestLimit.cpuTime.kind)
        case .idle: .amount(RequestLimit.idle.kind)
        case .grace: .amount(RequestLimit.grace.kind)
        case .readRate: .amount(RequestLimit.readRate.kind)
        case .writeRate: .amount(RequestLimit.writeRate.kind)
        case .tenantUsers, .tenantGroups: .accounts
        }
    }

    /// The amount that holds where no file gives one; `nil`: there is no such limit then.
    var amountWhenAbsent: UInt64? {
        switch self {
        case .swap, .grace, .ahead: 0
        default: nil
        }
    }

    /// The word that holds where no file gives one; `nil` where any is one of its own.
    var wordWhenAbsent: String? {
        switch self {
        case .backend: "native"
        case .pull: "never"
        case .undecided: "deny"
        case .mode, .network: "none"
        default: nil
        }
    }

    /// What a value of the key counts; `nil` where it is not one number.
    var amountKind: AmountKind? {
        if case .amount(let kind) = kind { kind } else { nil }
    }

    /// Whether a value of the key is one number.
    var isAmount: Bool { amountKind != nil }

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

    private static let bySection = Dictionary(grouping: allCases.filter { !$0.isTopLevel }, by: \.section)

    static func keys(of section: String) -> [PolicyKey] { bySection[section] ?? [] }

    /// What every policy must have after merging: an absent one would mean "no limit".
    static let required: [PolicyKey] = [
        .tmp, .shm, .memory, .cpus, .processes, .openFiles, .fileSize, .output, .timeout,
    ]

    /// Keys about the file itself.
    static let fileKeys = ["version", "description", "extends", "final"]
}
