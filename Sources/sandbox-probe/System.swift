import CInit

/// System calls as the kernel answers them: the value, or the negated errno.
enum System {
    static func call(
        _ number: Int32, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0
    ) -> Int {
        init_syscall(Int(number), a, b, c, d, e, f)
    }

    static func address(_ string: StaticString) -> Int { Int(bitPattern: string.utf8Start) }

    static func address(_ pointer: UnsafeRawPointer) -> Int { Int(bitPattern: pointer) }

    static func close(_ descriptor: Int) { _ = call(__NR_close, descriptor) }

    /// `exit_group(2)`: nobody flushes anything here.
    static func exit(_ status: Int) -> Never {
        while true { _ = call(__NR_exit_group, status) }
    }

    /// `openat(2)`, always close-on-exec and never waiting for a writer.
    static func open(_ path: Int, _ flags: Int = 0, mode: Int = 0) -> Int {
        call(__NR_openat, Open.here, path, flags | Open.closeOnExec | Open.nonBlocking, mode)
    }
}

/// `open(2)`; equal on x86_64 and arm64.
enum Open {
    static let writeOnly = 1
    static let create = 0o100
    static let exclusive = 0o200
    static let nonBlocking = 0o4000
    static let closeOnExec = 0o2_000_000
    static let path = 0o10_000_000
    /// AT_FDCWD.
    static let here = -100
    /// AT_EMPTY_PATH.
    static let emptyPath = 0x1000
}
