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
        rules.append(("/etc", .read))
        // /proc/self/mem writes into memory that cannot be written.
        rules.append(("/proc", policy.writeExecuteMemory ? [.read, .writeFile] : .read))
        rules.append(("/dev", [.read, .writeFile, .ioctlDevice, .truncate]))
        rules.append(("/dev/shm", writable))
        rules.append(("/tmp", writable))
        // The workspace is mounted later, on /sandbox/workspace. A rule on a mount point is not seen through what is
        // mounted there; one on its parent is.
        rules.append(("/sandbox", policy.workspaceMode == .read ? writable.intersection([.read, .execute]) : writable))
        rules = rules.map { ($0.path, $0.access.intersection(handled)) }
    }

    private mutating func allow(_ shown: ShownPath, _ access: Landlock.Access) {
        rules.append((shown.path, shown.isDirectory ? access : access.intersection(.ofFiles)))
    }
}
