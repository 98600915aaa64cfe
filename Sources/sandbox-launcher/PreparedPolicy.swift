import Glibc
import LaunchPlan
import LinuxSystem
import SeccompFilter

/// A policy with everything made that its sandboxes share: the template namespace, the filter, the message to pid 1.
final class PreparedPolicy {
    let policy: CompiledPolicy
    let template: OwnedDescriptor
    let roots: WorkspaceRoots
    /// What can be said about the disks behind what is shown.
    let rates: DiskRates
    /// `init_prepare` with all that follows it.
    let message: [UInt8]
    /// argv of this policy's probe.
    let probeArguments: [String]
    /// Raised when something had to be hidden anew: what was made before does not hide it.
    var generation: UInt32 = 0
    /// Whether its sandboxes may have a network namespace that served before. With loopback, pid 1 needs rights on it. And
    /// outside the system's own directories there may be sockets of somebody who keeps what a command gives him.
    let sharesNetworks: Bool
    /// Whether pid 1 forbids executable files in memory first of all.
    let sealsMemoryFiles: Bool
    /// With `backend: docker`, the filter's rules as the engine's runtime reads them, JSON.
    let profile: String

    /// - Parameter isAudited: whether Landlock's refusals become audit messages.
    init(_ policy: CompiledPolicy, host: Host, isAudited: Bool) throws(LaunchFailure) {
        self.policy = policy
        try Self.check(policy)
        if policy.container != nil {
            // Nothing of it is ever made from a template: who tried would find no namespace there.
            template = try at(.template) { () throws(SystemError) in
                OwnedDescriptor(owning: try system("open", "/dev/null") { open("/dev/null", O_RDONLY | O_CLOEXEC) })
            }
            roots = try WorkspaceRoots(policy.workspaceRoots, host: host)
            (sharesNetworks, sealsMemoryFiles) = (false, false)
            rates = try at(.cgroup) { () throws(SystemError) in try DiskRates(TemplateContents(readPaths: [])) }
            let filter = try Self.containerFilter(policy, host: host)
            message = PrepareMessage.encode(
                policy, rules: PathRules(ofContainer: policy, landlock: host.landlock), filter: filter.program,
                watched: filter.request.watchedAndAllowed, isAudited: isAudited, host: host)
            // So that a call is refused, and told of, by the filter of this project's own: an errno of the engine's would go first.
            profile = OCIProfile.json(for: filter.request, refusal: .trace)
            probeArguments = Self.probeArguments(policy, shown: [])
            return
        }
        profile = ""
        sharesNetworks = !policy.loopback && policy.readPaths.allSatisfy(Self.isSystemPath)
        roots = try WorkspaceRoots(policy.workspaceRoots, host: host)
        sealsMemoryFiles = !policy.executesWritten && host.memory.hasMemoryFileRule
        let contents = try at(.template) { () throws(SystemError) in try TemplateContents(readPaths: policy.readPaths) }
        let executables = try ExecutableTree(policy, contents: contents)
        let building = try TemplateNamespace.begin(
            policy, contents: contents, executables: executables, makesDevices: host.rights.isRoot)
        // All that needs no template, meanwhile.
        rates = try at(.cgroup) { () throws(SystemError) in try DiskRates(contents) }
        // Without root a policy is taken all the same: sandboxd asks each caller.
        if host.rights.isRoot { try rates.require(policy.maximum, host.groups.resources) }
        var request = Self.filterRequest(policy, memory: host.memory)
        request.limitsOwnProcessOnly = !host.rights.isRoot
        let filter = try Self.compile(request)
        let rules = PathRules(policy, contents: contents, executables: executables, landlock: host.landlock)
        message = PrepareMessage.encode(
            policy, rules: rules, filter: filter, watched: request.watchedAndAllowed,
            isAudited: isAudited, host: host)
        let shown = Set(contents.shown.map(\.path))
        probeArguments = Self.probeArguments(policy, shown: shown)
        template = try building.finish(host)
    }

    private static func containerFilter(
        _ policy: CompiledPolicy, host: Host
    ) throws(LaunchFailure) -> (request: FilterRequest, program: FilterProgram) {
        guard host.rights.isRoot else {
            throw LaunchFailure(.refused, "backend docker: only a launcher that is root serves it")
        }
        // What cannot be kept in an image is refused here too, whoever let it through.
        let rates = [policy.maximum.readBytesPerSecond, policy.maximum.writeBytesPerSecond]
        guard policy.readPaths.isEmpty, policy.hidePaths.isEmpty, policy.executePaths == nil,
            policy.libraryPaths == nil,
            rates == [nil, nil]
        else {
            throw LaunchFailure(
                .refused, errno: EPERM,
                "backend docker: paths of the host, a list of programs and rates cannot be kept in an image")
        }
        var request = filterRequest(policy, memory: host.memory)
        request.limitsOwnProcessOnly = true
        // Whether files in memory can be executed is a setting of pid namespaces, and an engine's is not to be written.
        if !policy.executesWritten { request.refusesMemoryFiles = true }
        // Where a network of the engine's is given, addresses are its to refuse.
        if policy.container?.network != nil { request.watched.remove(.connect) }
        return (request, try compile(request))
    }

    private static func isSystemPath(_ path: String) -> Bool {
        ["/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt"].contains {
            path == $0 || path.hasPrefix("\($0)/")
        }
    }

    private static func probeArguments(_ policy: CompiledPolicy, shown: Set<String>) -> [String] {
        let (allow, deny) = SystemCallCatalog.expand(allow: policy.syscallsAllowed, deny: policy.syscallsDenied)
        return ProbePlan.arguments(
            policy, shown: shown.contains,
            denied: { entry in
                let calls = SystemCallCatalog.group(named: entry)?.calls ?? [entry]
                return calls.filter(deny.contains).compactMap { name in
                    FilterCompiler.number(name).map { (name, $0) }
                }
            }, allowed: allow.filter { !deny.contains($0) })
    }

    /// What no policy may say, whoever wrote it.
    private static func check(_ policy: CompiledPolicy) throws(LaunchFailure) {
        let forbidden = ["/", "/proc", "/sys", "/dev", "/run", "/root", "/etc"]
        let programs = (policy.executePaths ?? []).map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        for path in policy.readPaths + policy.hidePaths + programs + (policy.libraryPaths ?? []) {
            guard PathText.isPlain(path, single: true) else {
                throw LaunchFailure(.refused, errno: EINVAL, "\(path) is not an absolute, plain path")
            }
        }
        if let path = policy.readPaths.first(where: forbidden.contains) {
            throw LaunchFailure(.refused, errno: EPERM, "\(path) can not be shown as a whole")
        }
        guard policy.tmpBytes > 0, policy.shmBytes > 0 else {
            throw LaunchFailure(.refused, errno: EINVAL, "tmp and shm need a size")
        }
        guard max(policy.tmpBytes, policy.shmBytes) <= TemporaryOptions.mostBytes,
            RequestCheck.impossibleSize(policy.maximum) == nil
        else { throw LaunchFailure(.refused, errno: EINVAL, "a size is more than there can be") }
    }

    private static func filterRequest(_ policy: CompiledPolicy, memory: MemoryProtection) -> FilterRequest {
        var request = FilterRequest()
        request.allow = policy.syscallsAllowed
        request.deny = policy.syscallsDenied
        request.watched = .connect
        // Without a network no address can be sent to; with loopback it would cost every datagram 40 us.
        if !policy.loopback { request.watched.insert(.send) }
        if !policy.executesWritten {
            request.watched.insert(.execute)
            // A file in memory is on no mount that could be noexec.
            request.refusesMemoryFiles = !memory.hasMemoryFileRule
        }
        if !policy.writeExecuteMemory {
            // A file in memory can be mapped twice, to write and to execute.
            request.refusesMemoryFiles = true
            request.refusesExecutableSharedMemory = true
            request.refusesExecutableMemory = !memory.hasWriteExecuteRefusal
            // ptrace(2) and the like write into memory that cannot be written.
            request.deny += SystemCallCatalog.group(named: "debug")?.calls ?? []
        }
        return request
    }

    private static func compile(_ request: FilterRequest) throws(LaunchFailure) -> FilterProgram {
        do {
            return try FilterCompiler.compile(request)
        } catch {
            switch error {
            case .unknownCall(let name):
                throw LaunchFailure(.seccompCompile, errno: EINVAL, "no system call '\(name)'")
            case .neverAllowed(let name):
                throw LaunchFailure(.seccompCompile, errno: EPERM, "no policy can allow '\(name)'")
            case .library(let what, let code): throw LaunchFailure(.seccompCompile, errno: code, what)
            case .system(let error): throw LaunchFailure(.seccompCompile, error)
            }
        }
    }
}
