import LaunchPlan
import LinuxSystem

/// A policy's Landlock rules. Mounts say the same; this is the second line, and it holds for what no mount can say:
/// devices, renames across directories, TCP.
struct PathRules {
    private(set) var rules: [(path: String, access: Landlock.Access)] = []

    init(
        _ policy: CompiledPolicy, contents: TemplateContents, executables: ExecutableTree, landlock: Landlock
    ) {
        let handled = landlock.handledAccess
        var writable = handled.subtracting([.makeBlockDevice, .makeCharacterDevice])
        if !policy.executesWritten { writable.remove(.execute) }
        for shown in contents.shown { allow(shown, executables.isRestricted ? .read : [.read, .execute]) }
        for program in executables.programs { allow(program, [.read, .execute]) }
        for loader in executables.loaders {
            allow(ShownPath(path: loader, isDirectory: false), [.read, .execute])
        }
        // Names in the root can be listed; what may be read is said per path.
        rules.append(("/", .readDirectory))
        // Of its own files none is a program; what is shown of the host's is as all that is shown.
        rules.append(("/etc", executables.isRestricted ? .read : [.read, .execute]))
        // /proc/self/mem writes into memory that cannot be written.
        rules.append(("/proc", policy.writeExecuteMemory ? [.read, .writeFile] : .read))
        rules.append(("/dev", [.read, .writeFile, .ioctlDevice, .truncate]))
        rules.append(("/dev/shm", writable))
        rules.append(("/tmp", writable))
        // The workspace is mounted later, on /sandbox/workspace. A rule on a mount point is not seen through what is
        // mounted there; one on its parent is.
        rules.append(("/sandbox", policy.workspaceMode == .read ? writable.intersection([.read, .execute]) : writable))
        rules = Self.withoutRepetitions(rules.map { ($0.path, $0.access.intersection(handled)) })
    }

    /// In a container: its image is what can be read and, but for what the command writes, executed. Not said path by path, and so that
    /// what is written is not executed is for the mounts alone to say: of rules that lie in each other the wider one holds.
    init(ofContainer policy: CompiledPolicy, landlock: Landlock) {
        let handled = landlock.handledAccess
        var writable = handled.subtracting([.makeBlockDevice, .makeCharacterDevice])
        if !policy.executesWritten { writable.remove(.execute) }
        rules.append(("/", [.read, .execute]))
        rules.append(("/proc", policy.writeExecuteMemory ? [.read, .writeFile] : .read))
        rules.append(("/dev", [.read, .writeFile, .ioctlDevice, .truncate]))
        rules.append(("/dev/shm", writable))
        rules.append(("/tmp", writable))
        rules.append(("/sandbox", policy.workspaceMode == .read ? writable.intersection([.read, .execute]) : writable))
        rules = rules.map { ($0.path, $0.access.intersection(handled)) }
    }

    /// Each rule costs every sandbox 4 us: of a path whose rights all come from what it lies in, none is needed.
    private static func withoutRepetitions(
        _ rules: [(path: String, access: Landlock.Access)]
    ) -> [(path: String, access: Landlock.Access)] {
        rules.filter { rule in
            !rules.contains { rule.path.hasPrefix("\($0.path)/") && $0.access.isSuperset(of: rule.access) }
        }
    }

    private mutating func allow(_ shown: ShownPath, _ access: Landlock.Access) {
        rules.append((shown.path, shown.isDirectory ? access : access.intersection(.ofFiles)))
    }
}
