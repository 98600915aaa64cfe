import LinuxSystem

/// Network namespaces of a preparer, for policies without a network: in each there is one sandbox at a time.
///
/// To make and to take apart one costs as much as all else of a sandbox together, and whoever makes one waits for others that
/// are taken apart, also in other programs. One that is as it was when it was new serves another sandbox; any doubt ends it. So
/// does a workspace: by a socket in it, a command can give descriptors away, of /proc/self/net for example, by which their
/// holder would see the sockets of whoever comes next.
struct NetworkPool {
    private let proc: Directory
    private var idle: [NetworkNamespace] = []
    /// By order.
    private var lent: [UInt64: NetworkNamespace] = [:]

    private static let mostIdle = 16

    init(proc: Directory) { self.proc = proc }

    /// One that nobody is in; this process is in it then.
    mutating func enterFresh() throws(SystemError) -> NetworkNamespace {
        guard let namespace = idle.popLast() else { return try NetworkNamespace(proc: proc) }
        try namespace.enter()
        return namespace
    }

    /// A sandbox is in it until its order is taken back.
    mutating func lend(_ namespace: NetworkNamespace, to order: UInt64) { lent[order] = namespace }

    /// Every process of the sandbox has ended.
    ///
    /// - Parameter keeps: it had no way to give anything of the namespace to somebody outside.
    mutating func takeBack(_ order: UInt64, keeps: Bool) {
        guard let namespace = lent.removeValue(forKey: order), keeps, idle.count < Self.mostIdle,
            namespace.isPristine()
        else { return }
        idle.append(namespace)
    }
}
