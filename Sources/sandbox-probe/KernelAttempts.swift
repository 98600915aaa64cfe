import CInit

/// Calls that the filter must refuse, with arguments that the kernel itself would refuse for another reason where that
/// is possible: the errno then tells who said no.
enum KernelAttempts {
    private static let newUserNamespace = 0x1000_0000
    private static let childSignal = 17

    static func make(_ output: inout Output) {
        namespaces(&output)
        mounts(&output)
        executableMemory(&output)
        output.attempt("bpf", System.call(__NR_bpf, 0, 0, 8192))
        output.attempt("io_uring_setup", System.call(__NR_io_uring_setup, 0, 0))
        output.attempt("keyctl", System.call(__NR_keyctl, -1))
        output.attempt("add_key", System.call(__NR_add_key, 0, 0, 0, 0, 0))
        output.attempt("request_key", System.call(__NR_request_key, 0, 0, 0, 0))
        output.attempt("userfaultfd", System.call(__NR_userfaultfd, -1))
        output.attempt("perf_event_open", System.call(__NR_perf_event_open, 0, -1, -1, -1, -1))
        output.attempt("process_vm_writev", System.call(__NR_process_vm_writev, -1, 0, 0, 0, 0, -1))
        output.attempt("open_by_handle_at", System.call(__NR_open_by_handle_at, -1, 0, 0))
        output.attempt("kexec_load", System.call(__NR_kexec_load, 0, 0, 0, -1))
        output.attempt("init_module", System.call(__NR_init_module, 0, 0, 0))
        output.attempt("finit_module", System.call(__NR_finit_module, -1, 0, -1))
        output.attempt("syslog", System.call(__NR_syslog, -1, 0, 0))
        output.attempt("acct", System.call(__NR_acct, -1))
        output.attempt("swapon", System.call(__NR_swapon, -1, -1))
        // Only the size of the argument is looked at: EINVAL from a kernel, ENOSYS from the filter.
        output.attempt("clone3", System.call(__NR_clone3, 0, 0))
        output.attempt("openat2", System.call(__NR_openat2, -1, 0, 0, 0))
    }

    private static func namespaces(_ output: inout Output) {
        output.attempt("unshare_user", System.call(__NR_unshare, newUserNamespace))
        let child = System.call(__NR_clone, newUserNamespace | childSignal)
        if child == 0 { System.exit(0) }
        output.attempt("clone_user", child)
        output.attempt("setns", System.call(__NR_setns, -1, 0))
    }

    /// Memory that could be written and then executed: at once, later, through a second mapping of the same pages, or by
    /// way of /proc.
    private static func executableMemory(_ output: inout Output) {
        let (length, readWrite, readExecute, all) = (4096, 3, 5, 7)
        let (sharedPages, privatePages) = (0x21, 0x22)
        output.attempt("map_write_execute", System.call(__NR_mmap, 0, length, all, privatePages, -1))
        output.attempt("map_shared_execute", System.call(__NR_mmap, 0, length, readExecute, sharedPages, -1))
        let memory = System.call(__NR_mmap, 0, length, readWrite, privatePages, -1)
        output.attempt("protect_execute", System.call(__NR_mprotect, memory, length, readExecute))
        let own: StaticString = "/proc/self/mem"
        let (here, writeOnly) = (-100, 1)
        output.attempt("write_own_memory", System.call(__NR_openat, here, System.address(own), writeOnly))
    }

    private static func mounts(_ output: inout Output) {
        let tmp: StaticString = "/tmp"
        let type: StaticString = "tmpfs"
        output.attempt(
            "mount",
            System.call(__NR_mount, System.address(type), System.address(tmp), System.address(type), 0, 0))
        output.attempt("umount2", System.call(__NR_umount2, System.address(tmp), -1))
        let root: StaticString = "/"
        output.attempt("chroot", System.call(__NR_chroot, System.address(root)))
        output.attempt("pivot_root", System.call(__NR_pivot_root, System.address(root), System.address(root)))
        output.attempt("open_tree", System.call(__NR_open_tree, -1, 0, -1))
        output.attempt("move_mount", System.call(__NR_move_mount, -1, 0, -1, 0, -1))
        output.attempt("fsopen", System.call(__NR_fsopen, 0, -1))
        output.attempt("mount_setattr", System.call(__NR_mount_setattr, -1, 0, -1, 0, 0))
    }
}

/// Landlock's layers are 16 at most (landlock(7)): how many more fit says whether there is one.
enum LandlockFacts {
    static func write(_ output: inout Output) {
        let askVersion = 1
        output.line("landlock_version", System.call(__NR_landlock_create_ruleset, 0, 0, askVersion))
        // A right that the filter refuses anyway: these layers change nothing for this process.
        let makeBlockDevice: UInt64 = 1 << 11
        let ruleset = init_landlock_ruleset(makeBlockDevice, 0, 0)
        guard ruleset >= 0 else { return output.line("landlock_refused", -ruleset) }
        var layers = 0
        while layers < 64, System.call(__NR_landlock_restrict_self, ruleset, 0) == 0 { layers += 1 }
        output.line("landlock_room", layers)
        System.close(ruleset)
    }
}
