import Glibc

/// The threads of a cgroup, as `cgroup.threads` (v2) and `tasks` (v1) list them.
enum TaskList {
    /// Whether any thread but one may still do something: execute, or finish a system call that a signal does not interrupt
    /// (a truncation, a rename that waits for a lock). Who has begun its exit and has no memory any more frees what else it has:
    /// before that the kernel writes to it, in the names of dead owners of futexes (`get_robust_list(2)`), and it can be a file's.
    ///
    /// - Parameters:
    ///   - sleepingOnly: threads that have not begun their exit and only wait for a core do not count: they can at most finish the
    ///     system call that they were interrupted in, and have the kernel say that they are dead where futexes of theirs are.
    ///   - but: a thread that does not count.
    ///   - proc: the host's /proc. A number that is somebody else's by now is looked at again the next time.
    static func isAnyRunning(
        in file: String, of group: Directory, but own: Int32, sleepingOnly: Bool, proc: Directory
    ) -> Bool {
        let list = openat(group.number, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        // Not to be read: then nothing is known of anybody.
        guard list >= 0 else { return true }
        defer { close(list) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        var number: Int32 = 0
        while true {
            let count = read(list, &buffer, buffer.count)
            if count < 0 { return true }
            for byte in buffer[..<count] {
                if byte != UInt8(ascii: "\n") {
                    number = number &* 10 &+ Int32(byte &- UInt8(ascii: "0"))
                    continue
                }
                if number != own, isRunning(number, sleepingOnly, proc) { return true }
                number = 0
            }
            if count == 0 { return false }
        }
    }

    /// PF_EXITING, `include/linux/sched.h`: set before anything of a task is freed, and after its last system call.
    private static let exiting: UInt64 = 0x4

    /// `proc_pid_stat(5)`: the name in parentheses may hold anything, then come state, five numbers and the flags; the size of its
    /// memory is the 21st.
    private static func isRunning(_ number: Int32, _ sleepingOnly: Bool, _ proc: Directory) -> Bool {
        var isGone = false
        let isDone = proc.bytes(in: "\(number)/stat", isGone: &isGone) { stat -> Bool? in
            guard let name = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
            let fields = stat[(name + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 21)
            guard fields.count > 20 else { return nil }
            if Self.number(fields[6]) & exiting != 0 { return Self.number(fields[20]) == 0 }
            return sleepingOnly && fields[0].elementsEqual([UInt8(ascii: "R")])
        }
        // Whom nothing is known of, as when this process has no descriptor left, is taken for running.
        guard let isDone = isDone ?? nil else { return !isGone }
        return !isDone
    }

    private static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt64 {
        digits.reduce(0) { $0 &* 10 &+ UInt64($1 &- UInt8(ascii: "0")) }
    }
}

extension Directory {
    /// Gives the first KiB of a task's file; `nil` where it cannot be read, with `isGone` where there is no such task.
    fileprivate func bytes<Value>(
        in name: String, isGone: inout Bool, _ take: (UnsafeRawBufferPointer) -> Value
    ) -> Value? {
        let file = openat(number, name, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            isGone = errno == ENOENT || errno == ESRCH
            return nil
        }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { buffer in
            let count = Glibc.read(file, buffer.baseAddress!, 1024)
            guard count >= 0 else {
                isGone = errno == ESRCH
                return nil
            }
            return take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
