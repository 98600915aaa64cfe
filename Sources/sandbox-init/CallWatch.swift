import CInit
import CInitPlan

/// Answers the system calls that the filter hands over. Most of them are refused and counted. A few are let through
/// after a look at what they are about: only so can a refused connection or program be named.
///
/// Nothing here keeps anybody out: what is let through, the network namespace, the mounts and Landlock still refuse, also
/// when the caller changes its memory after the look.
struct CallWatch {
    /// -1 when nobody is left to hear of.
    var listener: Int32
    private let watched: Int32
    private let hasLoopback: Bool
    private var log = DenialLog()

    init(_ listener: Int32, _ prepare: Prepare) {
        self.listener = listener
        watched = Int32(prepare.header.pointee.watched)
        hasLoopback = prepare.header.pointee.loopback != 0
    }

    /// The next call; its caller waits until it is answered. `nil`: it was killed meanwhile.
    func next() -> init_notification? {
        var notification = init_notification()
        return init_notification_receive(listener, &notification) == 0 ? notification : nil
    }

    /// - Parameter isOwn: the caller is the command's process, and has not executed the command yet. What it does is this program's
    ///   own, and in no policy.
    mutating func answer(_ call: init_notification, isOwn: Bool) {
        _ = init_notification_answer(listener, call.id, isOwn && isRefusedByPolicy(call) ? 0 : judge(call))
    }

    private func isRefusedByPolicy(_ call: init_notification) -> Bool {
        let isWatched = Int32(call.call) == __NR_execve || Int32(call.call) == __NR_execveat
        return call.architecture == init_native_architecture() && !(isWatched && watched & INIT_WATCH_EXECUTE != 0)
    }

    func reportCounts() { log.reportCounts() }

    /// The errno of the refusal; 0 lets the call through.
    private mutating func judge(_ call: init_notification) -> Int32 {
        guard call.architecture == init_native_architecture(), call.call & INIT_X32_BIT == 0 else {
            log.add(init_denied_legacy, call, distinct: 0)
            // Who ignores it gets EPERM for this call and for every other one of its kind.
            _ = System.call(__NR_kill, Int(call.process), Signal.badSystemCall)
            return Errno.notPermitted
        }
        let arguments = call.arguments
        switch Int32(call.call) {
        case __NR_connect where watched & INIT_WATCH_CONNECT != 0:
            return judgeAddress(call, arguments.1, arguments.2)
        case __NR_sendto where watched & INIT_WATCH_SEND != 0:
            return judgeAddress(call, arguments.4, arguments.5)
        case __NR_execve where watched & INIT_WATCH_EXECUTE != 0:
            return judgeExecution(call, directory: Int32(Open.here), path: arguments.0, flags: 0)
        case __NR_execveat where watched & INIT_WATCH_EXECUTE != 0:
            return judgeExecution(
                call, directory: Int32(truncatingIfNeeded: arguments.0), path: arguments.1, flags: arguments.4)
        default:
            log.add(init_denied_call, call, distinct: Self.distinguishing(call))
            return Errno.notPermitted
        }
    }

    /// The argument that tells what a refused call was about.
    private static func distinguishing(_ call: init_notification) -> UInt64 {
        switch Int32(call.call) {
        case __NR_socket, __NR_clone: call.arguments.0
        case __NR_ioctl: call.arguments.1
        default: 0
        }
    }

    // MARK: connections

    /// Internet addresses only: all else does not leave the sandbox by connect(2).
    private mutating func judgeAddress(_ call: init_notification, _ address: UInt64, _ length: UInt64) -> Int32 {
        var subject = Subject()
        let count = subject.read(call, address, min(length, UInt64(SocketAddress.longest)), listener)
        guard count >= SocketAddress.shortest else { return 0 }
        let target = SocketAddress(subject)
        if target.isInternet { subject.keepAddress(ofFour: target.isFour) }
        guard target.isInternet, !(hasLoopback && target.isLoopback) else { return 0 }
        // Port 0 is no connection: getaddrinfo(3) looks for its own address that way.
        if target.port != 0 { log.add(init_denied_connection, call, subject) }
        return hasLoopback ? Errno.networkUnreachable : Errno.accessDenied
    }

    // MARK: programs

    private mutating func judgeExecution(
        _ call: init_notification, directory: Int32, path: UInt64, flags: UInt64
    ) -> Int32 {
        var subject = Subject()
        let count = subject.read(call, path, UInt64(INIT_MAXIMUM_SUBJECT), listener)
        guard count > 0, let length = subject.terminated(count) else { return 0 }
        let file = open(call, directory, subject, isEmpty: length == 0 && flags & Flag.atEmptyPath != 0)
        guard file >= 0 else { return 0 }
        defer { System.close(file) }
        // While the call waits, its caller lives: the directory that was looked up by its number was its own.
        guard init_is_on_noexec_mount(file) != 0, init_notification_is_valid(listener, call.id) == 0 else { return 0 }
        log.add(init_denied_execution, call, subject)
        return Errno.accessDenied
    }

    /// The file that the caller means, without reading it and without following what would be pid 1's own.
    private func open(_ call: init_notification, _ directory: Int32, _ subject: Subject, isEmpty: Bool) -> Int32 {
        let process = Int32(call.process)
        if isEmpty { return Int32(init_open_descriptor_of(process, directory)) }
        if subject.startsWithSlash { return Int32(subject.withPath { init_open_plain(Int32(Open.here), $0) }) }
        let base =
            directory == Int32(Open.here)
            ? init_open_directory_of(process) : init_open_descriptor_of(process, directory)
        guard base >= 0 else { return -1 }
        defer { System.close(Int32(base)) }
        return Int32(subject.withPath { init_open_plain(Int32(base), $0) })
    }
}

extension Subject {
    /// Reads the caller's memory. The number of bytes, 0 when they may be another process's.
    mutating func read(_ call: init_notification, _ address: UInt64, _ count: UInt64, _ listener: Int32) -> Int {
        let read = withBytes { init_read_memory(Int32(call.process), address, $0, UInt(count)) }
        return init_notification_is_valid(listener, call.id) == 0 ? max(0, read) : 0
    }
}
