import LinuxSystem

/// Memory of a service's two processes.
struct ServiceMemory: Encodable, Sendable {
    var daemon: MemoryUse
    var launcher: MemoryUse

    init(_ service: BenchService) throws {
        daemon = try MemoryUse(of: service.daemon)
        launcher = try MemoryUse(of: service.launcher)
    }

    /// The greatest of samples that are taken each 50 ms until the task is cancelled, as the task's value.
    static func most(of service: BenchService) throws -> Task<ServiceMemory, any Error> {
        var most = try ServiceMemory(service)
        return Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(50))
                let next = try ServiceMemory(service)
                most.daemon = most.daemon.merged(with: next.daemon)
                most.launcher = most.launcher.merged(with: next.launcher)
            }
            return most
        }
    }
}
