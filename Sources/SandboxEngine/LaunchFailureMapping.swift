import Glibc
package import LaunchPlan
import LinuxSystem
package import SandboxModel

extension ServiceError {
    /// What a failed launch means to the caller: one of the errors that it can act on, or `launchFailed` with the stage.
    package init(_ failure: LaunchFailure, request: LaunchRequest) {
        self =
            Self.ofProgram(failure, request) ?? Self.ofWorkspace(failure, request) ?? Self.ofService(failure, request)
            ?? ServiceError(
                failure, .launchFailed, "failed to \(failure.stage.words)\(failure.detail)\(failure.reason)")
    }

    private init(_ failure: LaunchFailure, _ code: Code, _ message: String) {
        self.init(code, message, stage: failure.stage.name)
    }

    private static func ofProgram(_ failure: LaunchFailure, _ request: LaunchRequest) -> ServiceError? {
        let program = (request.argv.first ?? "").shown
        switch (failure.stage, failure.errno) {
        case (.commandExecute, ENOENT):
            let place =
                program.contains("/")
                ? "in the sandbox, or not the interpreter that it names" : "in the sandbox's \(request.searchPath)"
            return ServiceError(failure, .programNotFound, "no program '\(program)' \(place)")
        case (.commandExecute, E2BIG):
            return ServiceError(failure, .argumentsTooLong, "failed to execute '\(program)': E2BIG")
        case (.commandExecute, EACCES), (.commandExecute, ENOEXEC), (.commandExecute, EPERM),
            (.commandExecute, ENOTDIR), (.commandExecute, EISDIR), (.commandExecute, ELOOP),
            (.commandExecute, EINVAL), (.commandExecute, ELIBBAD), (.commandExecute, ETXTBSY):
            return ServiceError(
                failure, .programNotExecutable,
                "program '\(program)' is not executable in the sandbox\(failure.reason)")
        case (.commandDirectory, _):
            return ServiceError(
                failure, .cwdNotFound, "failed to enter \(request.cwd.shown) in the sandbox\(failure.reason)")
        default: return nil
        }
    }

    private static func ofWorkspace(_ failure: LaunchFailure, _ request: LaunchRequest) -> ServiceError? {
        let workspace = (request.workspace ?? failure.subject).shown
        func denied(_ message: String) -> ServiceError { ServiceError(failure, .workspaceDenied, message) }
        switch (failure.stage, failure.errno) {
        case (.workspaceOpen, ENOENT):
            return ServiceError(failure, .workspaceNotFound, "failed to open workspace \(workspace): ENOENT")
        case (.workspaceOpen, ENOTDIR), (.workspaceType, _):
            return ServiceError(failure, .workspaceNotDirectory, "workspace \(workspace) is not a directory")
        case (.workspaceOpen, EACCES), (.workspaceOpen, ELOOP), (.workspaceOpen, EXDEV), (.workspaceOpen, EPERM):
            return denied("failed to open workspace \(workspace)\(failure.reason)")
        case (.workspaceAccess, _):
            return denied(
                "the caller may not use workspace \(workspace)\(failure.reason): who asks must be able to read it, and to write it where workspace.mode is write"
            )
        case (.workspaceRoots, ENOENT):
            return denied(
                "workspace \(workspace) is outside the roots of policy '\(request.policy)' that were there when sandboxd started; not there: \(failure.subject.shown)"
            )
        case (.workspaceRoots, _):
            return denied(
                "workspace \(workspace) is a system directory or outside the roots of policy '\(request.policy)'\(failure.reason)"
            )
        case (.workspaceQuota, _):
            return denied(
                "workspace \(workspace) cannot have the size that is promised: it is \(failure.subject.shown)\(failure.reason). Give the directory a project (chattr +P -p NUMBER) with hard limits (setquota -P) on a file system mounted with prjquota, or ask for no workspace directory: one in memory has the size"
            )
        default: return nil
        }
    }

    private static func ofService(_ failure: LaunchFailure, _ request: LaunchRequest) -> ServiceError? {
        switch (failure.stage, failure.errno) {
        case (.slots, 0):
            ServiceError(.overloaded, failure.subject.shown, category: .temporary, retryAfterMilliseconds: 100)
        case (.refused, ESTALE):
            ServiceError(
                .policyReplaced, "policy '\(request.policy)' was replaced while the run was about to start",
                category: .temporary, retryAfterMilliseconds: 0)
        // The launcher's own words: a rate that this host cannot enforce, an engine that is too old.
        case (.cgroup, 0), (.containerEngine, 0): ServiceError(failure, .hostUnsupported, failure.subject.shown)
        case (.containerEngine, _), (.containerImage, _), (.containerCreate, _), (.containerStart, _):
            ServiceError(container: failure, policy: request.policy)
        default: nil
        }
    }
}

extension ServiceError {
    /// What an engine did not do. It says itself whether it may do so later.
    private init(container failure: LaunchFailure, policy: String) {
        let code: Code =
            switch failure.stage {
            case .containerEngine: .engineUnavailable
            case .containerImage: .imageNotFound
            default: .launchFailed
            }
        let hint =
            switch (failure.stage, failure.errno) {
            case (.containerImage, ENOENT): ". 'docker pull' fetches it, or 'pull: missing' in the policy's 'docker'"
            case (.containerEngine, ENOENT), (.containerEngine, ECONNREFUSED):
                ". Start the engine; sandboxd --docker-socket, or DOCKER_HOST, says where its socket is"
            default: ""
            }
        self.init(
            code, "failed to \(failure.stage.words) of policy '\(policy)'\(failure.detail)\(failure.reason)\(hint)",
            category: failure.retryAfterMilliseconds == nil ? .permanent : .temporary, stage: failure.stage.name,
            retryAfterMilliseconds: failure.retryAfterMilliseconds)
    }

    /// What is asked of a service that stops: the next one may be there in a second.
    package static let stopping = ServiceError(
        .draining, "sandboxd is stopping", category: .temporary, retryAfterMilliseconds: 1000)

    /// Why policies were not read anew. Those before stay in force, and only files that are wrong need another hand before it can
    /// succeed.
    init(_ failure: ReloadFailure, _ reason: String) {
        switch failure {
        case .policies: self.init(.invalidPolicies, reason)
        case .busy: self.init(.overloaded, reason, category: .temporary, retryAfterMilliseconds: 100)
        case .reader: self.init(.launchFailed, reason, category: .temporary, retryAfterMilliseconds: 1000)
        case .unsupported: self.init(.invalidRequest, reason)
        }
    }
}

extension LaunchFailure {
    /// ": EACCES", or nothing where no system call failed.
    fileprivate var reason: String { errno == 0 ? "" : ": \(errnoName(errno))" }
    fileprivate var detail: String { subject.isEmpty ? "" : ": \(subject.shown)" }
}

extension LaunchRequest {
    /// "PATH /usr/bin:/bin", for the message about a program that is in none of it.
    fileprivate var searchPath: String {
        let prefix = "PATH="
        guard let entry = environment.first(where: { $0.hasPrefix(prefix) }) else { return "PATH" }
        return "PATH \(entry.dropFirst(prefix.count))".shown
    }
}

extension LaunchStage {
    /// The step as the verb and object of "failed to ...".
    package var words: String {
        switch self {
        case .refused: "get the launcher's consent"
        case .client: "find the client"
        case .identity: "take the caller's identity"
        case .workspaceOpen: "open the workspace"
        case .workspaceAccess: "check access to the workspace"
        case .workspaceRoots: "compare the workspace with the policy's roots"
        case .workspaceType: "use the workspace as a directory"
        case .descriptors: "receive the descriptors"
        case .cgroup: "set up the cgroup"
        case .idMap: "make the id map"
        case .workspaceMount: "prepare the workspace's mount"
        case .template: "build the policy's file system"
        case .seccompCompile: "compile the system call filter"
        case .clone: "create the sandbox's process"
        case .maps: "write the id maps"
        case .attach: "attach the sandbox"
        case .handOver: "hand the run over to the sandbox"
        case .slots: "find a free slot"
        case .workspaceQuota: "keep the workspace's promised size"
        case .containerEngine: "reach the container engine"
        case .containerImage: "find the image"
        case .containerCreate: "create the container"
        case .containerStart: "start the container"
        case .containerEnter: "enter the container"
        case .audit: "listen to Landlock's audit messages"
        case .initReceive: "receive the plan in the sandbox"
        case .initMemoryFiles: "forbid executable files in memory"
        case .initIdentity: "take the sandbox's identity"
        case .initCgroupNamespace: "create the cgroup namespace"
        case .initHostname: "set the host name"
        case .initLoopback: "bring up loopback"
        case .mountProc: "mount /proc"
        case .mountPts: "mount /dev/pts"
        case .mountTmp: "mount /tmp"
        case .mountShm: "mount /dev/shm"
        case .maskProc: "cover parts of /proc"
        case .mountWorkspace: "mount the workspace"
        case .commandFork: "fork the command's process"
        case .initListener: "listen to the system call filter"
        case .commandSession: "create the command's session"
        case .commandTerminal: "set the controlling terminal"
        case .commandCapabilities: "drop the command's capabilities"
        case .commandIdentity: "take the command's identity"
        case .commandNoNewPrivileges: "set no_new_privs"
        case .commandMemory: "forbid writable and executable memory"
        case .commandLandlock: "enforce Landlock"
        case .commandSeccomp: "install the system call filter"
        case .commandReceive: "receive the request in the sandbox"
        case .commandDescriptors: "place the command's descriptors"
        case .commandLimits: "set the command's limits"
        case .commandDirectory: "enter the start directory"
        case .commandExecute: "execute the command"
        }
    }
}
