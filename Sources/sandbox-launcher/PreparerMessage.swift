import Glibc
import LaunchPlan
import LinuxSystem

/// What launcher and preparer say to each other: an order, and for each in turn a prepared sandbox or a failure.
enum PreparerMessage {
    static let maximumBytes = LauncherEvent.maximumBytes

    // MARK: launcher to preparer

    // Neither waits: a preparer that does not read holds up nobody (EAGAIN).

    static func send(_ order: Preparer.Order, over socket: Int32) throws(SystemError) {
        var writer = BinaryWriter()
        writer.put(UInt8(0))
        writer.put(order.number)
        writer.put(order.policy)
        writer.put(order.slot)
        try MessageSocket.send(writer.bytes, over: socket, wait: false)
    }

    static func send(_ remains: Preparer.Remains, over socket: Int32) throws(SystemError) {
        var writer = BinaryWriter()
        writer.put(UInt8(1))
        writer.put(remains.order)
        writer.put(remains.keepsNetwork)
        writer.put(remains.keepsGroup)
        writer.put(remains.group)
        try MessageSocket.send(writer.bytes, over: socket, wait: false)
    }

    enum Task: Equatable {
        case make(Preparer.Order)
        case clear(Preparer.Remains)
    }

    static func task(_ bytes: [UInt8]) -> Task? {
        var reader = BinaryReader(bytes)
        do throws(PlanError) {
            let task: Task =
                switch try reader.integer(UInt8.self) {
                case 0:
                    .make(
                        Preparer.Order(
                            number: try reader.integer(), policy: try reader.integer(), slot: try reader.integer()))
                case 1:
                    .clear(
                        Preparer.Remains(
                            order: try reader.optional("order"), keepsNetwork: try reader.bool("network"),
                            keepsGroup: try reader.bool("group"),
                            group: try reader.string("group", maximum: 255)))
                default: throw .badValue("task")
                }
            try reader.finish()
            return task
        } catch {
            return nil
        }
    }

    // MARK: preparer to launcher

    /// With the sandbox's descriptors: pid 1's socket, its command's, the pidfd and, where there is one, the group's memory
    /// events. They stay the sender's.
    static func send(_ sandbox: PreparedSandbox, made order: Preparer.Order, over socket: Int32) throws(SystemError) {
        let used = sandbox.group.processorTime()
        var writer = BinaryWriter()
        writer.put(UInt8(0))
        writer.put(order.number)
        writer.put(sandbox.process.pid)
        writer.put(used.user)
        writer.put(used.system)
        writer.put(sandbox.group.name)
        var descriptors = [sandbox.socket.number, sandbox.commandSocket.number, sandbox.process.pidfd.number]
        if sandbox.group.memoryEvents >= 0 { descriptors.append(sandbox.group.memoryEvents) }
        try MessageSocket.send(writer.bytes, descriptors: descriptors, over: socket)
    }

    /// `dead`: pidfds of processes that the launcher is to reap.
    static func send(
        _ failure: LaunchFailure, of order: Preparer.Order, dead: [Int32], over socket: Int32
    ) throws(SystemError) {
        let bytes = [1] + LauncherEvent.failed(run: order.number, failure: failure).encoded
        try MessageSocket.send(bytes, descriptors: dead, over: socket)
    }

    enum Answer {
        case made(number: UInt64, pid: Int32, used: ProcessorTime, group: String)
        case failed(number: UInt64, LaunchFailure)
    }

    static func answer(_ bytes: [UInt8]) throws(PlanError) -> Answer {
        guard bytes.first == 0 else {
            guard case .failed(let number, let failure) = try LauncherEvent(decoding: Array(bytes.dropFirst())) else {
                throw .badValue("answer")
            }
            return .failed(number: number, failure)
        }
        var reader = BinaryReader(Array(bytes.dropFirst()))
        let number = try reader.integer(UInt64.self)
        let pid = try reader.integer(Int32.self)
        let used = ProcessorTime(
            user: try reader.optional("user time"), system: try reader.optional("system time"))
        let group = try reader.string("group", maximum: 255)
        try reader.finish()
        return .made(number: number, pid: pid, used: used, group: group)
    }
}
