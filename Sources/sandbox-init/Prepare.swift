import CInit
import CInitPlan

/// The message that says what depends on the policy alone. It stays where it was received.
struct Prepare {
    let header: UnsafePointer<init_prepare>
    private let base: UnsafePointer<UInt8>

    static func receive() -> Prepare {
        let memory = init_prepare_memory()
        var descriptor: Int32 = -1
        var count: Int32 = 0
        let received = init_receive(INIT_SOCKET, memory, UInt(INIT_MAXIMUM_PREPARE), &descriptor, &count)
        // The end of the socket is the end of the launcher.
        if received == 0 { System.exit(1) }
        Report.require(init_stage_receive, received)
        let prepare = memory.withMemoryRebound(to: init_prepare.self, capacity: 1) {
            Prepare(header: UnsafePointer($0), base: UnsafePointer(memory))
        }
        let whole = received >= MemoryLayout<init_prepare>.size && prepare.header.pointee.bytes == UInt32(received)
        Report.require(init_stage_receive, whole ? 0 : -Int(Errno.invalid))
        return prepare
    }

    /// The address of something at an offset from the message's start.
    func address(_ offset: UInt32) -> Int { Int(bitPattern: base + Int(offset)) }

    func rule(_ index: UInt32) -> init_rule {
        (UnsafeRawPointer(base) + Int(header.pointee.rules)).load(
            fromByteOffset: Int(index) * MemoryLayout<init_rule>.size, as: init_rule.self)
    }

    var writableFlags: Int {
        header.pointee.execute_written == 0 ? MountFlag.restricted : MountFlag.noSuid | MountFlag.noDev
    }
}
