import CInit
import CInitPlan

/// The mounts that every sandbox has of its own. All else came, locked, from the policy's template namespace.
enum FileSystems {
    static func mount(_ prepare: Prepare) {
        if prepare.header.pointee.loopback != 0 { Report.require(init_stage_loopback, init_loopback_up()) }
        mountProc()
        // All instances share one supply of terminals (kernel.pty.max); nobody may take it all.
        let options: StaticString = "newinstance,ptmxmode=0666,mode=0620,max=32"
        Report.require(
            init_stage_mount_pts,
            System.mount(
                "devpts", at: "/dev/pts", type: "devpts", flags: MountFlag.noSuid | MountFlag.noExec,
                options: System.address(options)))
        Report.require(
            init_stage_mount_tmp,
            temporary(prepare, at: "/tmp", options: prepare.address(prepare.header.pointee.tmp_options)))
        Report.require(
            init_stage_mount_shm,
            temporary(prepare, at: "/dev/shm", options: prepare.address(prepare.header.pointee.shm_options)))
    }

    /// The workspace of a request that names none. A caller's covers it: to unmount it the kernel would wait for an RCU
    /// grace period, on the way to the command's start.
    static func mountWorkspace(_ prepare: Prepare) {
        let options = prepare.address(prepare.header.pointee.workspace_options)
        Report.require(init_stage_mount_workspace, temporary(prepare, at: Workspace.path, options: options))
    }

    /// A tmpfs; what it holds is charged to the sandbox's memory. `options` is the address of their text.
    static func temporary(_ prepare: Prepare, at target: StaticString, options: Int) -> Int {
        System.mount("tmpfs", at: target, type: "tmpfs", flags: prepare.writableFlags, options: options)
    }

    private static func mountProc() {
        // hidepid: the command does not see pid 1. The kernel demands an unmasked proc in this namespace already; the
        // template has a harmless one.
        let options: StaticString = "hidepid=invisible"
        Report.require(
            init_stage_mount_proc,
            System.mount(
                "proc", at: "/proc", type: "proc", flags: MountFlag.restricted, options: System.address(options)))
        for index in 0..<ProcMasks.fileCount { mask(ProcMasks.file(index), with: "/.mask/file") }
        for index in 0..<ProcMasks.directoryCount { mask(ProcMasks.directory(index), with: "/.mask/directory") }
        makeSysctlReadOnly()
    }

    /// Covers a path of /proc with an empty, locked one of the template; a kernel without it needs no cover.
    private static func mask(_ target: StaticString, with source: StaticString) {
        let result = System.bind(source, at: target)
        Report.require(init_stage_mask_proc, result == -Int(Errno.noEntry) ? 0 : result)
    }

    private static func makeSysctlReadOnly() {
        // As with pending signals (Confinement): 128 are all that the host's root has for itself and for every sandbox.
        Report.require(init_stage_mask_proc, System.write("16", to: "/proc/sys/user/max_inotify_instances"))
        Report.require(init_stage_mask_proc, System.bind("/proc/sys", at: "/proc/sys"))
        let flags = MountFlag.remount | MountFlag.readOnly | MountFlag.restricted
        Report.require(init_stage_mask_proc, System.bind("/proc/sys", at: "/proc/sys", flags: flags))
    }
}

/// What of /proc tells about the host or reaches its hardware. Functions and not arrays: there is no heap.
enum ProcMasks {
    static let fileCount = 16

    static func file(_ index: Int) -> StaticString {
        switch index {
        case 0: "/proc/kcore"
        case 1: "/proc/keys"
        case 2: "/proc/key-users"
        case 3: "/proc/kallsyms"
        case 4: "/proc/kmsg"
        case 5: "/proc/latency_stats"
        case 6: "/proc/timer_list"
        case 7: "/proc/interrupts"
        case 8: "/proc/cmdline"
        case 9: "/proc/config.gz"
        case 10: "/proc/iomem"
        case 11: "/proc/ioports"
        case 12: "/proc/modules"
        case 13: "/proc/partitions"
        case 14: "/proc/diskstats"
        default: "/proc/sysrq-trigger"
        }
    }

    static let directoryCount = 8

    static func directory(_ index: Int) -> StaticString {
        switch index {
        case 0: "/proc/acpi"
        case 1: "/proc/asound"
        case 2: "/proc/bus"
        case 3: "/proc/driver"
        case 4: "/proc/fs"
        case 5: "/proc/irq"
        case 6: "/proc/pressure"
        default: "/proc/scsi"
        }
    }
}
