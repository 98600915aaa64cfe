import CInit
import CInitPlan

/// Becoming the sandbox's own user 0.
enum Identity {
    /// Waits until the launcher has written the id maps and then leaves the host's uid 0.
    ///
    /// Works only through the ambient capabilities that came across the exec: uid 0 of the namespace did not exist then.
    ///
    /// - Returns: INIT_WORD_*
    static func take() -> Int32 {
        _ = init_block_signals(1)
        let word = Int32(waitForMaps())
        if word == INIT_WORD_CONTAINER {
            // Its parent is the engine's, whose threads come and go: what ends this process is the end of its socket.
            Report.require(init_stage_identity, System.call(__NR_prctl, Prctl.setDumpable, 0))
            return word
        }
        if word == INIT_WORD_SEAL { forbidExecutableMemoryFiles() }
        if word != INIT_WORD_SINGLE {
            Report.require(init_stage_identity, System.call(__NR_setgroups, 0, 0))
            Report.require(init_stage_identity, System.call(__NR_setresgid, 0, 0, 0))
            Report.require(init_stage_identity, System.call(__NR_setresuid, 0, 0, 0))
        }
        // A change of identity clears the death signal, so it comes after. When the launcher dies, so does the sandbox.
        Report.require(init_stage_identity, System.call(__NR_prctl, Prctl.setParentDeathSignal, Signal.kill))
        // It may have died just before; its messages would still be here, and nobody would end this sandbox.
        if init_peer_is_gone(INIT_SOCKET) != 0 { System.exit(1) }
        Report.require(init_stage_identity, System.call(__NR_prctl, Prctl.setDumpable, 0))
        return word
    }

    /// `vm.memfd_noexec` of this pid namespace, `sysctl(8)`: files in memory can no longer be executed. The kernel lets it
    /// be written by the host's uid 0 alone, so now; the path is the template's.
    private static func forbidExecutableMemoryFiles() {
        Report.require(init_stage_memory_files, System.write("2", to: "/proc/sys/vm/memfd_noexec"))
    }

    private static func waitForMaps() -> UInt8 {
        var byte: UInt8 = 0
        var descriptor: Int32 = -1
        var count: Int32 = 0
        // Nothing but the launcher's word counts; without it the launcher is gone.
        #if SANDBOX_FAULTS
            var word: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)
            guard init_receive(INIT_SOCKET, &word, 4, &descriptor, &count) == 4, count == 0 else { System.exit(1) }
            byte = word.0
            Fault.take((word.1, word.2, word.3))
        #else
            guard init_receive(INIT_SOCKET, &byte, 1, &descriptor, &count) == 1, count == 0 else { System.exit(1) }
        #endif
        return byte
    }
}

/// What pid 1 does to its own namespaces before anything is mounted.
enum Isolation {
    /// - Parameter isContainer: the engine has made the namespaces.
    static func complete(isContainer: Bool) {
        // It was executed by descriptor: without this ps(1) would show the name of that.
        let ownName: StaticString = "sandbox-init"
        _ = System.call(__NR_prctl, Prctl.setName, System.address(ownName))
        // Only the two sockets may be here; whatever else slipped through is closed, not trusted.
        // 0, 1 and 2 stay taken, so that no descriptor that comes later gets one of these numbers.
        Report.require(
            init_stage_receive, System.call(__NR_close_range, Int(INIT_COMMAND_SOCKET) + 1, 0xffff_ffff, 0))
        let null: StaticString = "/dev/null"
        let opened = System.call(__NR_openat, Open.here, System.address(null), Open.readWrite)
        Report.require(init_stage_receive, opened)
        for standard in 0..<3 { Report.require(init_stage_receive, System.call(__NR_dup3, opened, standard, 0)) }
        System.close(Int32(opened))
        if isContainer { return }
        // After the launcher has put this process into its cgroup, so that this group is the namespace's root.
        Report.require(
            init_stage_cgroup_namespace, System.call(__NR_unshare, Flag.newCgroupNamespace))
        let name: StaticString = "sandbox"
        Report.require(
            init_stage_hostname, System.call(__NR_sethostname, System.address(name), name.utf8CodeUnitCount))
    }
}
