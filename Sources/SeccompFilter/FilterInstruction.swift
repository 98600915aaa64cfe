/// One instruction of classic BPF, `struct sock_filter` (`bpf(4)`, linux/filter.h).
struct FilterInstruction: Equatable {
    /// Those that filters for system calls are made of; others are kept as they are.
    struct Code: Hashable {
        var rawValue: UInt16

        /// A word of `struct seccomp_data` into the accumulator.
        static let load = Code(rawValue: 0x20)
        static let jump = Code(rawValue: 0x05)
        static let jumpIfEqual = Code(rawValue: 0x15)
        static let jumpIfGreater = Code(rawValue: 0x25)
        static let jumpIfGreaterOrEqual = Code(rawValue: 0x35)
        static let jumpIfAnyBit = Code(rawValue: 0x45)
        /// Leaves some bits of the accumulator.
        static let mask = Code(rawValue: 0x54)
        static let answer = Code(rawValue: 0x06)

        var isComparison: Bool { self == .jumpIfEqual || self == .jumpIfGreater || self == .jumpIfGreaterOrEqual }
        var isConditional: Bool { isComparison || self == .jumpIfAnyBit }
    }

    var code: Code
    /// How many instructions to leave out.
    var ifTrue: UInt8
    var ifFalse: UInt8
    var value: UInt32

    /// Offset of the arguments in `struct seccomp_data`; before them are number, architecture and instruction pointer.
    static let firstArgument: UInt32 = 16
    /// The kernel takes no program with more instructions, BPF_MAXINSNS.
    static let most = 4096

    static let loadNumber = FilterInstruction(code: .load, ifTrue: 0, ifFalse: 0, value: 0)
    static let loadArchitecture = FilterInstruction(code: .load, ifTrue: 0, ifFalse: 0, value: 4)

    static func answer(_ value: UInt32) -> FilterInstruction {
        FilterInstruction(code: .answer, ifTrue: 0, ifFalse: 0, value: value)
    }

    static func jump(over count: Int) -> FilterInstruction {
        FilterInstruction(code: .jump, ifTrue: 0, ifFalse: 0, value: UInt32(count))
    }

    /// Of a conditional jump: whether it leads to where it leads if true.
    func holds(of accumulator: UInt32) -> Bool { code.holds(of: accumulator, value) }
}

extension FilterInstruction.Code {
    /// Of a conditional jump's.
    func holds(of accumulator: UInt32, _ value: UInt32) -> Bool {
        switch self {
        case .jumpIfEqual: accumulator == value
        case .jumpIfGreater: accumulator > value
        case .jumpIfAnyBit: accumulator & value != 0
        default: accumulator >= value
        }
    }
}

extension FilterInstruction {
    /// What libseccomp exports, and the kernel takes: 8 bytes each.
    static func decode(_ bytes: [UInt8]) -> [FilterInstruction] {
        bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count - bytes.count % 8, by: 8).map { at in
                FilterInstruction(
                    code: Code(rawValue: bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self)),
                    ifTrue: bytes[at + 2], ifFalse: bytes[at + 3],
                    value: bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self))
            }
        }
    }

    static func encode(_ instructions: [FilterInstruction]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 * instructions.count)
        for instruction in instructions {
            withUnsafeBytes(of: instruction.code.rawValue) { bytes += $0 }
            bytes += [instruction.ifTrue, instruction.ifFalse]
            withUnsafeBytes(of: instruction.value) { bytes += $0 }
        }
        return bytes
    }
}
