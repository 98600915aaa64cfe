import CInit

/// The policy's own paths and denied system calls, by their place in the policy's lists.
enum PolicyFacts {
    static func write(_ output: inout Output) {
        let arguments = init_arguments()
        for index in 1..<max(1, Int(init_argument_count())) {
            guard let argument = arguments[index] else { return }
            let text = UnsafeMutableRawPointer(mutating: argument).assumingMemoryBound(to: UInt8.self)
            write(&output, text)
        }
    }

    /// `WORD:N:REST`.
    private static func write(_ output: inout Output, _ argument: UnsafeMutablePointer<UInt8>) {
        let place = afterColon(argument)
        let rest = afterColon(place)
        switch argument[0] {
        case 114: read(&output, place, rest)
        case 104: hide(&output, place, rest)
        case 100: deny(&output, place, rest)
        case 97: allow(&output, rest)
        default: break
        }
    }

    /// Ends the field at its colon and returns what follows.
    private static func afterColon(_ field: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        var position = field
        while position[0] != 58 {
            if position[0] == 0 { return position }
            position += 1
        }
        position[0] = 0
        return position + 1
    }

    /// `read N OPEN MODE CREATE`: the errno of opening it, its mode, the errno of creating a file in it.
    private static func read(
        _ output: inout Output, _ place: UnsafePointer<UInt8>, _ path: UnsafeMutablePointer<UInt8>
    ) {
        let opened = System.open(System.address(path))
        if opened >= 0 { System.close(opened) }
        put(&output, "read ", place, opened, mode(path))
        append("/.sandbox-probe", to: path)
        output.space()
        output.put(-FileAttempts.create(System.address(init_prepare_memory())))
        output.end()
    }

    /// `hide N OPEN MODE`.
    private static func hide(
        _ output: inout Output, _ place: UnsafePointer<UInt8>, _ path: UnsafeMutablePointer<UInt8>
    ) {
        let opened = System.open(System.address(path))
        if opened >= 0 { System.close(opened) }
        put(&output, "hide ", place, opened, mode(path))
        output.end()
    }

    /// `deny N ERRNO`, -1 where this architecture has no such call. No argument means anything.
    private static func deny(
        _ output: inout Output, _ place: UnsafePointer<UInt8>, _ text: UnsafeMutablePointer<UInt8>
    ) {
        let number = Text.number(text)
        output.put("deny ")
        output.put(place)
        output.space()
        if number < 0 {
            output.put(-1)
        } else {
            let result = System.call(Int32(truncatingIfNeeded: number), -1, -1, -1, -1, -1, -1)
            output.put(result < 0 && result > -4096 ? -result : 0)
        }
        output.end()
    }

    /// `allow NAME`, as it came: what the filter need not refuse.
    private static func allow(_ output: inout Output, _ name: UnsafePointer<UInt8>) {
        output.put("allow ")
        output.put(name)
        output.end()
    }

    private static func put(
        _ output: inout Output, _ key: StaticString, _ place: UnsafePointer<UInt8>, _ opened: Int, _ mode: Int
    ) {
        output.put(key)
        output.put(place)
        output.space()
        output.put(opened < 0 ? -opened : 0)
        output.space()
        output.put(mode)
    }

    /// Of `statx(2)`: stx_mode, or the negated errno.
    private static func mode(_ path: UnsafePointer<UInt8>) -> Int {
        let memory = init_prepare_memory()
        let result = System.call(__NR_statx, Open.here, System.address(path), 0, 2, System.address(memory))
        return result < 0 ? result : Int(memory[28]) | Int(memory[29]) << 8
    }

    /// Puts path and name together where nothing else is kept now.
    private static func append(_ name: StaticString, to path: UnsafePointer<UInt8>) {
        let memory = init_prepare_memory()
        var length = 0
        while path[length] != 0, length < 4096 {
            memory[length] = path[length]
            length += 1
        }
        for index in 0..<name.utf8CodeUnitCount { memory[length + index] = name.utf8Start[index] }
        memory[length + name.utf8CodeUnitCount] = 0
    }
}
