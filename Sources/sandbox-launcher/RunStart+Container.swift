import LaunchPlan
import LinuxSystem

extension RunStart {
    /// In a container that waits. `nil` when that is of no use any more.
    ///
    /// - Parameter giveBack: called when the request came to nothing and the container is as it was.
    func useContainer(
        _ prepared: PreparedSandbox, _ room: ContainerRoom, _ workspaces: inout WorkspaceOpener, giveBack: () -> Void
    ) throws(LaunchFailure) -> Sandbox? {
        let workspace = try open(&workspaces, prepared.slot, else: giveBack)
        let message = WorkspaceMessage(request.limits, of: policy.policy, hasMount: workspace != nil)
        do throws(LaunchFailure) {
            try room.furnish(message, workspace: workspace, of: policy.policy, host: host)
        } catch {
            // ESRCH and the like say that it is dying, which a mount cannot.
            if (try? prepared.process.reap(wait: false)) != nil { return nil }
            throw error
        }
        do throws(SystemError) {
            try prepared.group.narrow(to: request.limits)
            return try withEnvironment(of: room).handOver(to: prepared, workspace, isWarm: true)
        } catch {
            return nil
        }
    }

    /// The request's variables, and of the image's those that it does not set.
    private func withEnvironment(of room: ContainerRoom) -> RunStart {
        guard !request.probe else { return self }
        let set = Set(request.environment.map { $0.prefix { $0 != "=" } })
        let more = room.environment.filter { variable in
            !set.contains(variable.prefix { $0 != "=" }) && variable.utf8.first != UInt8(ascii: "=")
        }
        guard !more.isEmpty else { return self }
        var copy = self
        copy.request.environment += more
        return copy
    }
}
