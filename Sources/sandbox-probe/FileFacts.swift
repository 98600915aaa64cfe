import CInit
import CInitPlan

/// What file system there is.
enum FileFacts {
    static func write(_ output: inout Output) {
        output.copy("mount", "/proc/self/mountinfo")
        output.list("root", "/")
        output.list("device", "/dev")
        masks(&output)
        present(&output, "/sys")
        present(&output, "/etc/shadow")
        present(&output, "/root")
        present(&output, "/home")
        present(&output, "/var")
        present(&output, "/run")
        present(&output, "/boot")
    }

    /// What a read of a path that must be covered brings: `masked PATH ERRNO`, errno 0 for bytes, -1 for none.
    private static func masks(_ output: inout Output) {
        mask(&output, "/proc/kcore")
        mask(&output, "/proc/keys")
        mask(&output, "/proc/key-users")
        mask(&output, "/proc/kallsyms")
        mask(&output, "/proc/kmsg")
        mask(&output, "/proc/latency_stats")
        mask(&output, "/proc/timer_list")
        mask(&output, "/proc/interrupts")
        mask(&output, "/proc/cmdline")
        mask(&output, "/proc/config.gz")
        mask(&output, "/proc/iomem")
        mask(&output, "/proc/ioports")
        mask(&output, "/proc/modules")
        mask(&output, "/proc/partitions")
        mask(&output, "/proc/diskstats")
        mask(&output, "/proc/acpi")
        mask(&output, "/proc/asound")
        mask(&output, "/proc/bus")
        mask(&output, "/proc/driver")
        mask(&output, "/proc/fs")
        mask(&output, "/proc/irq")
        mask(&output, "/proc/pressure")
        mask(&output, "/proc/scsi")
    }

    private static func mask(_ output: inout Output, _ path: StaticString) {
        let file = System.open(System.address(path))
        guard file >= 0 else { return output.line("masked", path, -file) }
        let memory = init_prepare_memory()
        let read = System.call(__NR_read, file, System.address(memory), 1)
        // A directory that opens is no mask.
        let isEmpty = read == 0
        output.line("masked", path, isEmpty ? -1 : 0)
        System.close(file)
    }

    private static func present(_ output: inout Output, _ path: StaticString) {
        let file = System.open(System.address(path), Open.path)
        output.line("present", path, file < 0 ? -file : 0)
        if file >= 0 { System.close(file) }
    }
}

/// What can be written and executed.
enum FileAttempts {
    static func make(_ output: inout Output) {
        open(&output, "write_hostname", "/proc/sys/kernel/hostname")
        open(&output, "write_sysrq", "/proc/sysrq-trigger")
        open(&output, "write_passwd", "/etc/passwd")
        create(&output, "create_root", "/.sandbox-probe")
        create(&output, "create_etc", "/etc/.sandbox-probe")
        create(&output, "create_dev", "/dev/.sandbox-probe")
        create(&output, "create_proc", "/proc/.sandbox-probe")
        create(&output, "create_sandbox", "/sandbox/.sandbox-probe")
        create(&output, "create_mask", "/.mask/.sandbox-probe")
        devices(&output)
        execute(&output, "write_tmp", "execute_tmp", "/tmp/.sandbox-probe")
        execute(&output, "write_shm", "execute_shm", "/dev/shm/.sandbox-probe")
        execute(&output, "write_workspace", "execute_workspace", "/sandbox/workspace/.sandbox-probe")
        executeMemory(&output)
    }

    private static func open(_ output: inout Output, _ name: StaticString, _ path: StaticString) {
        let file = System.open(System.address(path), Open.writeOnly)
        output.attempt(name, file)
        if file >= 0 { System.close(file) }
    }

    private static func create(_ output: inout Output, _ name: StaticString, _ path: StaticString) {
        output.attempt(name, create(System.address(path)))
    }

    /// Creates a file and removes it again.
    static func create(_ path: Int) -> Int {
        let file = System.open(path, Open.writeOnly | Open.create | Open.exclusive, mode: 0o600)
        guard file >= 0 else { return file }
        System.close(file)
        _ = System.call(__NR_unlinkat, Open.here, path, 0)
        return 0
    }

    private static func devices(_ output: inout Output) {
        let path: StaticString = "/tmp/.sandbox-probe"
        let (character, block) = (0o020666, 0o060666)
        let null = 1 << 8 | 3
        let made = System.call(__NR_mknodat, Open.here, System.address(path), character, null)
        output.attempt("mknod_character", made)
        if made == 0 { _ = System.call(__NR_unlinkat, Open.here, System.address(path), 0) }
        let second = System.call(__NR_mknodat, Open.here, System.address(path), block, 0)
        output.attempt("mknod_block", second)
        if second == 0 { _ = System.call(__NR_unlinkat, Open.here, System.address(path), 0) }
    }

    /// An empty executable file: EACCES says that it may not be executed; ENOEXEC, that it may but is no program.
    private static func execute(
        _ output: inout Output, _ writeName: StaticString, _ executeName: StaticString, _ path: StaticString
    ) {
        let address = System.address(path)
        let file = System.open(address, Open.writeOnly | Open.create | Open.exclusive, mode: 0o700)
        output.attempt(writeName, file)
        guard file >= 0 else { return }
        if path.utf8Start[1] == 116 {
            // In /tmp: a set-user-ID bit as well.
            output.attempt("chmod_setuid", System.call(__NR_fchmodat, Open.here, address, 0o4755))
        }
        System.close(file)
        let nothing = System.address(init_arguments() + Int(init_argument_count()))
        output.attempt(executeName, System.call(__NR_execve, address, nothing, nothing))
        _ = System.call(__NR_unlinkat, Open.here, address, 0)
    }

    /// The same for a memory file.
    private static func executeMemory(_ output: inout Output) {
        let name: StaticString = "probe"
        let file = System.call(__NR_memfd_create, System.address(name), 1)
        output.attempt("create_memory_file", file)
        guard file >= 0 else { return }
        let empty: StaticString = ""
        let nothing = System.address(init_arguments() + Int(init_argument_count()))
        output.attempt(
            "execute_memory_file",
            System.call(__NR_execveat, file, System.address(empty), nothing, nothing, Open.emptyPath))
        System.close(file)
    }
}
