import Glibc
import LaunchPlan
import LinuxSystem
import SeccompFilter

/// A policy with everything made that its sandboxes share: the template namespace, the filter, the message to pid 1.
final class PreparedPolicy {
    let policy: CompiledPolicy
    let template: OwnedDescriptor
    /// `init_prepare` with all that follows it.
    let message: [UInt8]
    /// argv of this policy's probe.
    let probeArguments: [String]

    init(_ policy: CompiledPolicy, host: Host) throws(LaunchFailure) {
        self.policy = policy
        try Self.check(policy)
        let filter = try Self.compile(policy)
        let contents = try at(.template) { () throws(SystemError) in try TemplateContents(readPaths: policy.readPaths) }
        let rules = PathRules(policy, contents: contents, landlock: host.landlock)
        message = PrepareMessage.encode(policy, rules: rules, filter: filter, landlock: host.landlock)
        let shown = Set(contents.shown.map(\.path))
        probeArguments = ProbePlan.arguments(
            policy, shown: shown.contains, number: FilterCompiler.number)
        template = try TemplateNamespace.build(policy, contents: contents, host: host)
    }

    /// What no policy may say, whoever wrote it.
    private static func check(_ policy: CompiledPolicy) throws(LaunchFailure) {
        let forbidden = ["/", "/proc", "/sys", "/dev", "/run", "/root", "/etc"]
        for path in policy.readPaths + policy.hidePaths {
            let plain = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
            guard path.hasPrefix("/"), !plain.contains(""), !plain.contains("."), !plain.contains("..") else {
                throw LaunchFailure(.refused, errno: EINVAL, "\(path) is not an absolute, plain path")
            }
        }
        if let path = policy.readPaths.first(where: forbidden.contains) {
            throw LaunchFailure(.refused, errno: EPERM, "\(path) can not be shown as a whole")
        }
        guard policy.tmpBytes > 0, policy.shmBytes > 0 else {
            throw LaunchFailure(.refused, errno: EINVAL, "tmp and shm need a size")
        }
    }

    private static func compile(_ policy: CompiledPolicy) throws(LaunchFailure) -> FilterProgram {
        do {
            return try FilterCompiler.compile(allow: policy.syscallsAllowed, deny: policy.syscallsDenied)
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
