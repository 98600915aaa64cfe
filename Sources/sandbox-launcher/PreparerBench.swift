import CInitPlan
import Glibc
import LaunchPlan
import LinuxSystem

/// What a preparer is at: tasks come in, sandboxes go out. While the pid 1 of one gets ready the next one is begun.
struct PreparerBench {
    private let host: Host
    private let policies: [PreparedPolicy]
    private let socket: Int32
    private var networks: NetworkPool
    private var groups: GroupPool
    private var begun: [Begun] = []

    /// A sandbox whose pid 1 has not said that it is ready.
    private final class Begun {
        let order: Preparer.Order
        let sandbox: PreparedSandbox
        let mourner: Preparation.Mourner
        /// `nil`: it has one of its own.
        let network: NetworkNamespace?
        /// CLOCK_MONOTONIC, nanoseconds.
        let since = monotonicNanoseconds()

        init(
            _ order: Preparer.Order, _ sandbox: PreparedSandbox, _ mourner: Preparation.Mourner,
            _ network: NetworkNamespace?
        ) {
            self.order = order
            self.sandbox = sandbox
            self.mourner = mourner
            self.network = network
        }
    }

    /// As many as there is work for on a few cores.
    private static let mostBegun = 3
    /// pid 1 is this project's own and takes a few milliseconds.
    private static let patience: UInt64 = 10_000_000_000

    init(host: Host, policies: [PreparedPolicy], socket: Int32) {
        self.host = host
        self.policies = policies
        self.socket = socket
        networks = NetworkPool(proc: host.proc)
        groups = GroupPool(host.groups)
    }

    /// Waits for something to do and does it. Returns whether there can be more.
    mutating func work() -> Bool {
        let takesTasks = begun.count < Self.mostBegun
        var states = begun.map { pollfd(fd: $0.sandbox.socket.number, events: Int16(POLLIN), revents: 0) }
        states.append(pollfd(fd: takesTasks ? socket : -1, events: Int16(POLLIN), revents: 0))
        guard poll(&states, UInt(states.count), begun.isEmpty ? -1 : 1000) >= 0 else { return errno == EINTR }
        let now = monotonicNanoseconds()
        var open: [Begun] = []
        for (sandbox, state) in zip(begun, states) {
            if state.revents != 0 || now - sandbox.since > Self.patience {
                finish(sandbox, hasSpoken: state.revents != 0)
            } else {
                open.append(sandbox)
            }
        }
        begun = open
        return states.last?.revents == 0 || takeTask()
    }

    private mutating func takeTask() -> Bool {
        guard let message = try? MessageSocket.receive(from: socket, maximum: PreparerMessage.maximumBytes) else {
            return false
        }
        message.closeAll()
        switch PreparerMessage.task(message.bytes) {
        case .make(let order):
            guard Int(order.policy) < policies.count else { return false }
            begin(order, policies[Int(order.policy)])
        case .clear(let remains):
            #if SANDBOX_FAULTS
                Fault.reach(.beforeRemoval)
            #endif
            groups.takeBack(remains)
            if let order = remains.order { networks.takeBack(order, keeps: remains.keepsNetwork) }
        case nil: return false
        }
        return true
    }

    private mutating func begin(_ order: Preparer.Order, _ policy: PreparedPolicy) {
        #if SANDBOX_FAULTS
            Fault.reach(.orderReceived)
        #endif
        let mourner = Preparation.Mourner()
        do throws(LaunchFailure) {
            // With loopback its pid 1 needs rights on it, so that it has one of its own.
            var network: NetworkNamespace?
            if policy.sharesNetworks {
                network = try at(.clone) { () throws(SystemError) in try networks.enterFresh() }
            }
            let slot = host.slots.slot(order.slot)
            let preparation = Preparation(
                host: host, policy: policy, slot: slot, mourner: mourner, hasNetwork: network != nil)
            let group = try at(.cgroup) { () throws(SystemError) in
                try groups.take(for: order.number, limits: policy.policy.maximum)
            }
            let sandbox = try preparation.make(in: group)
            begun.append(Begun(order, sandbox, mourner, network))
        } catch {
            try? PreparerMessage.send(error, of: order, dead: mourner.dead, over: socket)
        }
    }

    private mutating func finish(_ begun: Begun, hasSpoken: Bool) {
        do throws(LaunchFailure) {
            guard hasSpoken else { throw LaunchFailure(.initReceive, errno: ETIMEDOUT) }
            try Self.requireReady(begun.sandbox.socket.number)
            if let network = begun.network { networks.lend(network, to: begun.order.number) }
            #if SANDBOX_FAULTS
                Fault.reach(.sandboxReady)
            #endif
            try? PreparerMessage.send(begun.sandbox, made: begun.order, over: socket)
            #if SANDBOX_FAULTS
                Fault.reach(.sandboxTold)
            #endif
        } catch {
            begun.mourner.take(begun.sandbox.process)
            try? PreparerMessage.send(error, of: begun.order, dead: begun.mourner.dead, over: socket)
        }
    }

    /// pid 1 says that all is done, or what failed.
    private static func requireReady(_ socket: Int32) throws(LaunchFailure) {
        let message = try at(.initReceive) { () throws(SystemError) in
            try MessageSocket.receive(from: socket, maximum: MemoryLayout<init_denial>.size)
        }
        guard let message, message.bytes.count == MemoryLayout<init_report>.size else {
            throw LaunchFailure(.initReceive, errno: ECHILD)
        }
        let report = message.bytes.withUnsafeBytes { $0.loadUnaligned(as: init_report.self) }
        guard report.kind != init_report_ready.rawValue else { return }
        let stage = LaunchStage(rawValue: UInt16(truncatingIfNeeded: report.stage))
        throw LaunchFailure(stage ?? .initReceive, errno: report.error)
    }
}
