import SeccompFilter

/// Classic BPF as `seccomp(2)` runs it: what a filter answers to a call, without making the call.
struct FilterSimulator {
    enum Answer: Equatable {
        case allow
        case error(UInt32)
        /// Handed over to pid 1, which refuses it or looks at it.
        case notify
        case other(UInt32)
    }

    static let x86: UInt32 = 0xc000_003e
    static let i386: UInt32 = 0x4000_0003
    private let instructions: [(code: UInt16, ifTrue: UInt8, ifFalse: UInt8, value: UInt32)]

    init(_ program: FilterProgram) {
        let bytes = program.instructions
        instructions = stride(from: 0, to: bytes.count, by: 8).map { at in
            bytes[at..<at + 8].withUnsafeBytes {
                (
                    $0.loadUnaligned(as: UInt16.self), $0[2], $0[3],
                    $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
                )
            }
        }
    }

    /// What the program compares with.
    var constants: Set<UInt32> { Set(instructions.map(\.value)) }

    func answer(_ number: Int32, _ arguments: [UInt64] = [], architecture: UInt32 = x86) -> Answer {
        // struct seccomp_data: number, architecture, instruction pointer, six arguments.
        var data = [UInt32(bitPattern: number), architecture, 0, 0]
        for index in 0..<6 {
            let argument = index < arguments.count ? arguments[index] : 0
            data += [UInt32(truncatingIfNeeded: argument), UInt32(argument >> 32)]
        }
        var accumulator: UInt32 = 0
        var next = 0
        while true {
            let (code, ifTrue, ifFalse, value) = instructions[next]
            next += 1
            switch code {
            case 0x20: accumulator = data[Int(value / 4)]
            case 0x54: accumulator &= value
            case 0x05: next += Int(value)
            case 0x15: next += Int(accumulator == value ? ifTrue : ifFalse)
            case 0x25: next += Int(accumulator > value ? ifTrue : ifFalse)
            case 0x35: next += Int(accumulator >= value ? ifTrue : ifFalse)
            case 0x45: next += Int(accumulator & value != 0 ? ifTrue : ifFalse)
            case 0x06: return Self.answer(value)
            default: return .other(UInt32(code))
            }
        }
    }

    /// What the kernel finds out about a number when the filter is installed, as its `seccomp_is_const_allow` does:
    /// only calls that are allowed there are made without running the filter. And how many instructions it follows.
    func followed(_ number: Int32, architecture: UInt32 = x86) -> (isAllowed: Bool, steps: Int) {
        var accumulator: UInt32 = 0
        var (next, steps) = (0, 0)
        while next < instructions.count {
            let (code, ifTrue, ifFalse, value) = instructions[next]
            (next, steps) = (next + 1, steps + 1)
            switch code {
            case 0x20 where value == 0: accumulator = UInt32(bitPattern: number)
            case 0x20 where value == 4: accumulator = architecture
            case 0x06: return (value == 0x7fff_0000, steps)
            case 0x05: next += Int(value)
            case 0x15: next += Int(accumulator == value ? ifTrue : ifFalse)
            case 0x25: next += Int(accumulator > value ? ifTrue : ifFalse)
            case 0x35: next += Int(accumulator >= value ? ifTrue : ifFalse)
            case 0x45: next += Int(accumulator & value != 0 ? ifTrue : ifFalse)
            case 0x54: accumulator &= value
            default: return (false, steps)
            }
        }
        return (false, steps)
    }

    private static func answer(_ value: UInt32) -> Answer {
        switch value & 0xffff_0000 {
        case 0x7fff_0000: .allow
        case 0x7fc0_0000: .notify
        case 0x0005_0000: .error(value & 0xffff)
        default: .other(value)
        }
    }
}

/// Numbers that are the same in every run.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
