import Glibc
import LaunchPlan
import LinuxSystem

/// A container from the launcher's side: namespaces that an engine has made, with sandbox-init as pid 1.
final class ContainerRoom {
    /// The order by which sandbox-docker knows it.
    let order: UInt64
    /// The image's variables.
    let environment: [String]
    private let mounts: OwnedDescriptor
    private let network: OwnedDescriptor

    /// - Parameter pid: its pid 1, which is known to live.
    init(order: UInt64, environment: [String], pid: Int32, proc: Directory) throws(SystemError) {
        self.order = order
        self.environment = environment
        mounts = try MountNamespace.open(of: pid, proc: proc)
        network = try NetworkNamespace.open(of: pid, proc: proc)
    }

    /// What sandbox-init does itself where it has rights: the workspace over the one in memory, sizes, and a loopback device that
    /// is as the policy says. An engine's is always up.
    ///
    /// This process is among the container's mounts meanwhile. What is there is the image's and the engine's: no command has run.
    func furnish(
        _ message: WorkspaceMessage, workspace: OpenedWorkspace?, of policy: CompiledPolicy, host: Host
    ) throws(LaunchFailure) {
        guard !message.changesNothing else { return }
        try inside(host, .mountWorkspace) { () throws(SystemError) in
            if let workspace {
                try DetachedMount.attach(workspace.mount, at: Self.workspace, below: AT_FDCWD)
            } else if let options = message.options {
                try Self.resize(Self.workspace, options, policy)
            }
            if let options = message.tmpOptions { try Self.resize("/tmp", options, policy) }
        }
    }

    private static let workspace = "/sandbox/workspace"

    private static func resize(_ path: String, _ options: String, _ policy: CompiledPolicy) throws(SystemError) {
        var flags = UInt(MS_REMOUNT) | UInt(MS_NOSUID) | UInt(MS_NODEV)
        if !policy.executesWritten { flags |= UInt(MS_NOEXEC) }
        try system("change the size of", path) { mount("tmpfs", path, "tmpfs", flags, options) }
    }

    /// Before it serves anybody: as many terminals as in a sandbox of the launcher's own. An engine's instance has no number of its
    /// own, so that one container takes those of all, `kernel.pty.max`.
    func limitTerminals(host: Host) throws(LaunchFailure) {
        try inside(host, .containerEnter) { () throws(SystemError) in
            // What is not said again has its default after that.
            let options = "newinstance,ptmxmode=0666,mode=0620,max=32"
            try system("limit the terminals of", "/dev/pts") {
                mount("devpts", "/dev/pts", "devpts", UInt(MS_REMOUNT | MS_NOSUID | MS_NOEXEC), options)
            }
        }
    }

    /// Before it serves anybody: without `network: loopback` there is none, as in a sandbox of the launcher's own.
    func closeLoopback(host: Host) throws(LaunchFailure) {
        try at(.containerEnter) { () throws(SystemError) in
            try NetworkNamespace.within(network, proc: host.proc) { () throws(SystemError) in
                try NetworkNamespace.closeLoopback()
            }
        }
    }

    private func inside(
        _ host: Host, _ stage: LaunchStage, _ body: () throws(SystemError) -> Void
    ) throws(LaunchFailure) {
        try at(.containerEnter) { () throws(SystemError) in try MountNamespace.enter(mounts) }
        var failure: SystemError?
        do throws(SystemError) { try body() } catch { failure = error }
        // A root process that is lost in a tenant's view of the file system must not go on.
        guard (try? MountNamespace.enter(host.home)) != nil else { fatalError("failed to return to the host's mounts") }
        if let failure { throw LaunchFailure(stage, failure) }
    }
}
