import CInit

/// Who this process is, and what it was given.
enum ProcessFacts {
    static func write(_ output: inout Output) {
        // Before anything is opened.
        output.list("descriptor", "/proc/self/fd", numbersOnly: true)
        environment(&output)
        // Asking for another limit on cores is answered as if it had been done; /proc/self/limits shows that it was not.
        var limit: (UInt64, UInt64) = (0, 0)
        _ = withUnsafeBytes(of: &limit) {
            System.call(__NR_prlimit64, 0, 4, System.address($0.baseAddress!))
        }
        output.copy("status", "/proc/self/status")
        output.copy("limits", "/proc/self/limits")
        output.copy("uid_map", "/proc/self/uid_map")
        output.copy("gid_map", "/proc/self/gid_map")
        output.copy("cgroup", "/proc/self/cgroup")
        output.copy("hostname", "/proc/sys/kernel/hostname")
        output.list("process", "/proc", numbersOnly: true)
        namespace(&output, "user", "/proc/self/ns/user")
        namespace(&output, "mnt", "/proc/self/ns/mnt")
        namespace(&output, "pid", "/proc/self/ns/pid")
        namespace(&output, "net", "/proc/self/ns/net")
        namespace(&output, "ipc", "/proc/self/ns/ipc")
        namespace(&output, "uts", "/proc/self/ns/uts")
        namespace(&output, "cgroup", "/proc/self/ns/cgroup")
    }

    private static func environment(_ output: inout Output) {
        var variable = init_arguments() + Int(init_argument_count()) + 1
        while let text = variable[0] {
            output.put("environment ")
            output.put(UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self))
            output.end()
            variable += 1
        }
    }

    /// "user:[4026531837]", as the link says.
    private static func namespace(_ output: inout Output, _ name: StaticString, _ path: StaticString) {
        let memory = init_prepare_memory()
        let length = System.call(__NR_readlinkat, Open.here, System.address(path), System.address(memory), 255)
        guard length >= 0 else { return output.line("unreadable", name, -length) }
        memory[length] = 0
        output.put("namespace ")
        output.put(name)
        output.space()
        output.put(UnsafePointer(memory))
        output.end()
    }
}

/// What it is able to do to others and to itself.
enum ProcessAttempts {
    static func make(_ output: inout Output) {
        output.attempt("signal_init", System.call(__NR_kill, 1, 0))
        output.attempt("signal_others", System.call(__NR_kill, -1, 0))
        let attach = 16
        let traced = System.call(__NR_ptrace, attach, 1)
        output.attempt("trace_init", traced)
        if traced == 0 { _ = System.call(__NR_ptrace, 17, 1) }
        output.attempt("setuid_root", System.call(__NR_setuid, 0))
        output.attempt("setgid_root", System.call(__NR_setgid, 0))
        output.attempt("setgroups", System.call(__NR_setgroups, 0, 0))
        var byte: UInt8 = 0
        let typeIntoTerminal = 0x5412
        let consoleControl = 0x541c
        output.attempt("ioctl_tiocsti", System.call(__NR_ioctl, 0, typeIntoTerminal, System.address(&byte)))
        output.attempt("ioctl_tioclinux", System.call(__NR_ioctl, 0, consoleControl, System.address(&byte)))
        open(&output, "terminal", "/dev/tty")
        open(&output, "init_environment", "/proc/1/environ")
        open(&output, "init_memory", "/proc/1/mem")
        open(&output, "init_root", "/proc/1/root")
    }

    private static func open(_ output: inout Output, _ name: StaticString, _ path: StaticString) {
        let file = System.open(System.address(path))
        output.attempt(name, file)
        if file >= 0 { System.close(file) }
    }
}
