import CInit
import CInitPlan

/// Lines `key value...` in a memory of fixed size, written to standard output at the end.
struct Output {
    private let bytes = init_command_memory()
    private var count = 0
    private static let capacity = Int(INIT_MAXIMUM_COMMAND)

    mutating func put(byte: UInt8) {
        // What does not fit is missed: without the last line nothing before it counts.
        guard count < Self.capacity else { return }
        bytes[count] = byte
        count += 1
    }

    mutating func put(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { put(byte: text.utf8Start[index]) }
    }

    mutating func put(_ text: UnsafePointer<UInt8>) {
        var rest = text
        while rest[0] != 0 {
            put(byte: rest[0])
            rest += 1
        }
    }

    mutating func put(_ number: Int) {
        if number < 0 { put(byte: 45) }
        put(magnitude: number.magnitude)
    }

    private mutating func put(magnitude: UInt) {
        if magnitude > 9 { put(magnitude: magnitude / 10) }
        put(byte: 48 + UInt8(truncatingIfNeeded: magnitude % 10))
    }

    mutating func space() { put(byte: 32) }
    mutating func end() { put(byte: 10) }

    mutating func line(_ key: StaticString, _ value: Int) {
        put(key)
        space()
        put(value)
        end()
    }

    mutating func line(_ key: StaticString, _ name: StaticString, _ value: Int) {
        put(key)
        space()
        put(name)
        space()
        put(value)
        end()
    }

    /// An attempt with what the kernel answered: 0 for success, else the errno.
    mutating func attempt(_ name: StaticString, _ result: Int) {
        line("attempt", name, result < 0 ? -result : 0)
    }

    /// Every line of a file, each after `key`; or that it cannot be read, and why.
    mutating func copy(_ key: StaticString, _ path: StaticString) {
        let file = System.open(System.address(path))
        guard file >= 0 else { return line("unreadable", key, -file) }
        let memory = init_prepare_memory()
        var filled = 0
        while filled < Int(INIT_MAXIMUM_PREPARE) {
            let read = System.call(
                __NR_read, file, System.address(memory + filled), Int(INIT_MAXIMUM_PREPARE) - filled)
            if read < 0 { line("unreadable", key, -read) }
            if read <= 0 { break }
            filled += read
        }
        System.close(file)
        var position = 0
        while position < filled {
            put(key)
            space()
            while position < filled && memory[position] != 10 {
                put(byte: memory[position])
                position += 1
            }
            end()
            position += 1
        }
    }

    /// Every name in a directory, each after `key`, but for the number of the directory's own descriptor.
    mutating func list(_ key: StaticString, _ path: StaticString, numbersOnly: Bool = false) {
        let directory = System.open(System.address(path))
        guard directory >= 0 else { return line("unreadable", key, -directory) }
        let memory = init_prepare_memory()
        while true {
            let filled = System.call(__NR_getdents64, directory, System.address(memory), Int(INIT_MAXIMUM_PREPARE))
            if filled < 0 { line("unreadable", key, -filled) }
            if filled <= 0 { break }
            var entry = 0
            while entry < filled {
                // struct linux_dirent64: inode, offset, 2 bytes length, 1 byte type, the name.
                let name = UnsafePointer(memory + entry + 19)
                let number = Text.number(name)
                if numbersOnly ? number >= 0 && number != directory : name[0] != 46 || name[1] != 0 && name[1] != 46 {
                    put(key)
                    space()
                    put(name)
                    end()
                }
                entry += Int(memory[entry + 16]) | Int(memory[entry + 17]) << 8
            }
        }
        System.close(directory)
    }

    /// Writes everything. The reader is the daemon, or nobody.
    func flush() {
        var written = 0
        while written < count {
            let result = System.call(__NR_write, 1, System.address(bytes + written), count - written)
            if result <= 0 { System.exit(1) }
            written += result
        }
    }
}

enum Text {
    /// A decimal number that is the whole string; -1 for anything else.
    static func number(_ text: UnsafePointer<UInt8>) -> Int {
        guard text[0] != 0 else { return -1 }
        var rest = text
        var value = 0
        while rest[0] != 0 {
            guard rest[0] >= 48, rest[0] <= 57, value < 1 << 40 else { return -1 }
            value = value * 10 + Int(rest[0]) - 48
            rest += 1
        }
        return value
    }
}
