extension PolicyKey {
    /// What the key means, in a sentence or two: what an editor shows.
    var summary: String {
        switch self {
        case .backend:
            "What makes the sandbox: the service itself, or Docker's engine a container. Whoever reaches the engine is root."
        case .image: "The image of the container: NAME, NAME:TAG, NAME@sha256:DIGEST or sha256:ID."
        case .pull: "When the engine fetches the image. Absent: never."
        case .containerUser:
            "The user of every run, as numbers of the host: UID or UID:GID. Absent: each run has one of its own."
        case .containerNetwork: "A network of the engine's, in place of `network`. Absent: none."
        case .ahead: "How many containers are started ahead of requests. Absent: none."
        case .read: "Host paths that exist inside, read-only: files, or directories with all below."
        case .hide: "Paths below a `read` path that are covered by something empty."
        case .tmp: "Size of /tmp, in memory, and counted in limits.memory."
        case .shm: "Size of /dev/shm, in memory, and counted in limits.memory."
        case .roots:
            "Where a workspace must lie: absolute paths, or ~ for the caller's home. Empty: none may be asked for."
        case .mode: "What a run may do with its workspace."
        case .workspaceSize:
            "Size of the workspace. Of a directory of the host it is promised by a project quota of its file system, or the "
                + "run fails. Absent: one in memory is as large as /tmp."
        case .workspaceInodes: "How many files the workspace may have, itself included; promised as its size is."
        case .execute: "Whether what the command writes can be executed: the workspace, /tmp and /dev/shm."
        case .allow: "Rules of which one must match. Absent: everything that is not denied. Empty: nothing."
        case .deny: "Rules that refuse a command. They win over `allow`, and add to those of the parent."
        case .undecided: "What holds for a command that cannot be judged from its text ($x, eval). Absent: deny."
        case .programs:
            "The only programs that can be executed, enforced by the kernel: absolute paths, or directories with a slash at "
                + "the end. Absent: everything that can be read."
        case .libraries:
            "Directories from which the programs of `execute` may load code. Absent: the loader's standard ones and those of "
                + "listed interpreters."
        case .writeExecuteMemory:
            "Whether a process may have memory that is writable and executable, as compilers at run time need. Absent: false."
        case .pass: "Variables that a request may set; * at the end for a prefix."
        case .set: "Variables that every run has."
        case .network: "What can be connected to: nothing, or 127.0.0.1 and ::1 of the sandbox itself."
        case .syscallsAllow: "System calls, or named groups of them, that the base list refuses."
        case .syscallsDeny: "System calls, or named groups of them, that the base list allows."
        case .memory: "Memory of the whole process tree, files in memory included."
        case .swap: "Swap beside limits.memory. Absent: none."
        case .cpus: "Cores' worth of CPU time per second."
        case .processes: "Processes and threads at once."
        case .openFiles: "Descriptors per process."
        case .fileSize: "Largest file that can be written."
        case .output: "Standard output and standard error together."
        case .stdout: "Standard output alone."
        case .stderr: "Standard error alone."
        case .timeout: "Wall-clock time."
        case .cpuTime: "CPU time of the process tree."
        case .idle: "Time without output."
        case .grace:
            "Time between the signal that asks a run to end (SIGTERM) and the kill. Absent: no such signal, the kill at once."
        case .readRate: "Bytes per second from disks."
        case .writeRate: "Bytes per second to disks."
        case .tenantUsers: "Users who may use this policy, by name or number. An empty list is nobody."
        case .tenantGroups: "Groups whose members may use this policy, by name or number."
        }
    }

    /// Sections, as an editor shows them.
    static let sectionSummaries = [
        "docker": "The container, with `backend: docker`.",
        "filesystem": "What of the host exists inside, read-only.",
        "workspace": "The directory that a request brings.",
        "commands": "Which commands may start: rules over their text, and the kernel's list of programs.",
        "environment": "Variables of the command.",
        "syscalls": "System calls beyond the base list.",
        "limits": "What a run may use. A request can narrow each limit and widen none.",
        "tenants": "Who may use this policy. Absent: everybody who may connect.",
    ]
}
