import CInitPlan
import LaunchPlan
import Testing

@Test func `full file systems have the bits of sandbox-init`() {
    let pairs: [(FullSpaces, FullSpaces, Int32)] = [
        (.tmp, .tmpInodes, INIT_FULL_TMP), (.shm, .shmInodes, INIT_FULL_SHM),
        (.workspace, .workspaceInodes, INIT_FULL_WORKSPACE),
    ]
    for (blocks, inodes, bit) in pairs {
        #expect(blocks.rawValue == UInt32(bit))
        #expect(inodes.rawValue == UInt32(bit) << UInt32(INIT_FULL_INODES))
    }
}

/// Two lists that must be one: pid 1 reports numbers, the launcher gives them names.
@Test func `launch stages equal the stages of sandbox-init`() {
    let ours = LaunchStage.allCases.map(\.rawValue).filter { $0 >= 100 }
    let theirs = UInt16(init_stage_receive.rawValue)..<UInt16(init_stage_end.rawValue)
    #expect(ours == Array(theirs))
    #expect(LaunchStage.initIdentity.rawValue == UInt16(init_stage_identity.rawValue))
    #expect(LaunchStage.mountWorkspace.rawValue == UInt16(init_stage_mount_workspace.rawValue))
    #expect(LaunchStage.commandSeccomp.rawValue == UInt16(init_stage_command_seccomp.rawValue))
    #expect(LaunchStage.commandExecute.rawValue == UInt16(init_stage_command_execute.rawValue))
    #expect(LaunchStage.commandNoNewPrivileges.name == "command_no_new_privileges")
}
