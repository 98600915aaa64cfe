import CInit
import CInitPlan

/// Gives everything up, for good: capabilities, identity, the right to gain any, paths, system calls.
enum Confinement {
    /// - Returns: the descriptor that hears of refused calls.
    static func apply(_ prepare: Prepare, _ failure: Failure) -> Int {
        failure.require(init_stage_command_session, System.call(__NR_setsid))
        // One byte: too little for a file, and the value at which the kernel does not start a host's core handler
        // either, which 0 does not prevent (core(5), fs/coredump.c). The filter keeps it so. Where the launcher has left a hard
        // limit of 0, the host has no handler. A socket of the host's for dumps is not kept away: no limit is asked (6.18).
        failure.require(init_stage_command_limits, init_lower_limit(ResourceLimit.core, 1))
        // Whoever started the daemon may have more; nothing of that is for the command.
        failure.require(init_stage_command_limits, init_set_limit(ResourceLimit.nice, 0))
        failure.require(init_stage_command_limits, init_set_limit(ResourceLimit.realTimePriority, 0))
        // Counted also against the host's root, who made this user namespace: of a supply that root's own timers, signals
        // and queues need, and the other sandboxes', nobody may take more than a small part (ucounts).
        failure.require(init_stage_command_limits, init_lower_limit(ResourceLimit.pendingSignals, 512))
        failure.require(init_stage_command_limits, init_lower_limit(ResourceLimit.queueBytes, 128 << 10))
        takeIdentity(prepare, failure)
        failure.require(init_stage_command_capabilities, init_clear_capabilities())
        failure.require(
            init_stage_command_no_new_privileges, System.call(__NR_prctl, Prctl.setNoNewPrivileges, 1))
        _ = System.call(__NR_umask, 0o022)
        restrictMemory(prepare, failure)
        restrictPaths(prepare, failure)
        // Last: the filter may refuse what came before. It allows what comes after (see SeccompFilter).
        let header = prepare.header.pointee
        let program = UnsafeRawPointer(bitPattern: prepare.address(header.filter))
        let listener = program.map { init_install_filter($0, header.filter_count) } ?? -Int(Errno.invalid)
        failure.require(init_stage_command_seccomp, listener)
        return listener
    }

    private static func takeIdentity(_ prepare: Prepare, _ failure: Failure) {
        let identity = Int32(prepare.header.pointee.identity)
        if identity == INIT_IDENTITY_GIVEN {
            // pid 1 has no capability by which it could take the listener out of a process that is not dumpable, as this one is
            // because pid 1 is not. It is the only other one here.
            failure.require(init_stage_command_identity, System.call(__NR_prctl, Prctl.setDumpable, 1))
            return
        }
        failure.require(init_stage_command_capabilities, init_drop_bounding_set())
        if identity == INIT_IDENTITY_OWN {
            failure.require(init_stage_command_identity, System.call(__NR_setgroups, 0, 0))
        }
        let gid = Int(INIT_COMMAND_GID)
        failure.require(init_stage_command_identity, System.call(__NR_setresgid, gid, gid, gid))
        let uid = Int(INIT_COMMAND_UID)
        failure.require(init_stage_command_identity, System.call(__NR_setresuid, uid, uid, uid))
    }

    /// No memory that is written and then executed: the kernel keeps it so for every program that comes after.
    private static func restrictMemory(_ prepare: Prepare, _ failure: Failure) {
        guard prepare.header.pointee.refuse_executable_memory != 0 else { return }
        failure.require(
            init_stage_command_memory,
            System.call(__NR_prctl, Prctl.setMemoryDenyWriteExecute, Prctl.refuseExecGain))
    }

    /// Landlock, before the workspace is mounted: its rule sits on the mount point's parent, from where it holds for
    /// whatever is mounted there.
    private static func restrictPaths(_ prepare: Prepare, _ failure: Failure) {
        let header = prepare.header.pointee
        let ruleset = init_landlock_ruleset(header.handled_access, header.handled_network, header.scoped)
        failure.require(init_stage_command_landlock, ruleset)
        for index in 0..<header.rule_count {
            let rule = prepare.rule(index)
            let flags = Open.path | Open.closeOnExec
            let path = System.call(__NR_openat, Open.here, prepare.address(rule.path), flags)
            failure.require(init_stage_command_landlock, path)
            failure.require(
                init_stage_command_landlock, init_landlock_allow(Int32(ruleset), Int32(path), rule.access))
            System.close(Int32(path))
        }
        failure.require(
            init_stage_command_landlock, System.call(__NR_landlock_restrict_self, ruleset, Int(header.landlock_flags)))
        System.close(Int32(ruleset))
    }
}
