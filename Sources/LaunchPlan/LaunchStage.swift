/// Every step of a launch that can fail, by whom it is done. The names are what users read in errors.
///
/// The numbers from 100 are those of `init_stage` in `CInitPlan`; a test holds the two lists together.
package enum LaunchStage: UInt16, Sendable, CaseIterable {
    // The launcher's checks of a request.
    case refused = 1
    case client
    case identity
    case workspaceOpen
    case workspaceAccess
    case workspaceRoots
    case workspaceType
    // The launcher's work.
    case descriptors
    case cgroup
    case idMap
    case workspaceMount
    case template
    case seccompCompile
    case clone
    case maps
    case attach
    case handOver
    case slots
    case audit
    case workspaceQuota
    // With `backend: docker`: the engine, the image, and the engine's part of a container's life.
    case containerEngine
    case containerImage
    case containerCreate
    case containerStart
    case containerEnter
    // sandbox-init as pid 1.
    case initReceive = 100
    case initMemoryFiles
    case initIdentity
    case initCgroupNamespace
    case initHostname
    case initLoopback
    case mountProc
    case mountPts
    case mountTmp
    case mountShm
    case maskProc
    case mountWorkspace
    case commandFork
    case initListener
    // The command's process before it executes.
    case commandSession
    case commandTerminal
    case commandCapabilities
    case commandIdentity
    case commandNoNewPrivileges
    case commandMemory
    case commandLandlock
    case commandSeccomp
    case commandReceive
    case commandDescriptors
    case commandLimits
    case commandDirectory
    case commandExecute

    /// snake_case, as in `ServiceError.stage`.
    package var name: String {
        String(describing: self).reduce(into: "") { name, character in
            if character.isUppercase { name += "_" }
            name += character.lowercased()
        }
    }
}
