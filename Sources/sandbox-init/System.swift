import CInit
import CInitPlan

/// Thin names for the system calls that pid 1 and the command's process make. They return what the kernel returns: the
/// value, or the negated errno.
enum System {
    static func call(_ number: Int32, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0) -> Int {
        init_syscall(Int(number), a, b, c, d, e, 0)
    }

    static func address(_ string: StaticString) -> Int { Int(bitPattern: string.utf8Start) }

    static func address(_ pointer: UnsafeRawPointer) -> Int { Int(bitPattern: pointer) }

    static func close(_ descriptor: Int32) { _ = call(__NR_close, Int(descriptor)) }

    /// `exit_group(2)`: nobody flushes anything here.
    static func exit(_ status: Int) -> Never {
        while true { _ = call(__NR_exit_group, status) }
    }

    static func mount(_ source: StaticString, at target: StaticString, type: StaticString, flags: Int, options: Int)
        -> Int
    {
        call(__NR_mount, address(source), address(target), address(type), flags, options)
    }

    static func bind(_ source: StaticString, at target: StaticString, flags: Int = 0) -> Int {
        call(__NR_mount, address(source), address(target), 0, MountFlag.bind | flags, 0)
    }

    /// One write(2) of a setting to a file of /proc.
    static func write(_ value: StaticString, to path: StaticString) -> Int {
        let file = call(__NR_openat, Open.here, address(path), Open.writeOnly | Open.closeOnExec)
        guard file >= 0 else { return file }
        let written = call(__NR_write, file, address(value), value.utf8CodeUnitCount)
        close(Int32(file))
        return written
    }

    static func fork() -> Int { call(__NR_clone, Signal.child) }
}

/// mount(2) flags.
enum MountFlag {
    static let readOnly = 1
    static let noSuid = 2
    static let noDev = 4
    static let noExec = 8
    static let remount = 32
    /// MNT_DETACH, of umount2(2).
    static let bind = 4096
    static let restricted = noSuid | noDev | noExec
}
