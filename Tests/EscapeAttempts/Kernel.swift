import CEscape
import Glibc

/// The kernel's own answer to a system call: a value, or a negative errno.
@discardableResult
func call(_ number: Int32, _ arguments: Int...) -> Int {
    var a = arguments + Array(repeating: 0, count: 6)
    a.removeLast(a.count - 6)
    return escape_call(Int(number), a[0], a[1], a[2], a[3], a[4], a[5])
}

func errorName(_ code: Int) -> String { String(cString: escape_error_name(Int32(truncatingIfNeeded: abs(code)))) }

/// An address that is no process's.
let badAddress = 8

/// A C string's address, alive for as long as the process: attempts are short-lived processes.
func text(_ string: String) -> Int { Int(bitPattern: strdup(string)) }

/// Zeroed memory, likewise.
func memory(_ count: Int) -> UnsafeMutableRawPointer { calloc(1, count)! }

func address(_ pointer: UnsafeMutableRawPointer) -> Int { Int(bitPattern: pointer) }

let currentDirectory = Int(AT_FDCWD)

/// openat(2); a negative errno when it fails.
func openFile(_ path: String, _ flags: Int32 = O_RDONLY, mode: Int = 0) -> Int {
    call(__NR_openat, currentDirectory, text(path), Int(flags), mode)
}

let oPath: Int32 = 0o10_000_000
let oTemporary: Int32 = 0o20_200_000

func readAll(_ descriptor: Int, limit: Int = 65536) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while bytes.count < limit {
        let count = read(Int32(descriptor), &chunk, chunk.count)
        if count <= 0 { break }
        bytes += chunk.prefix(count)
    }
    return String(decoding: bytes, as: UTF8.self)
}

func readFile(_ path: String, limit: Int = 65536) -> String? {
    let descriptor = openFile(path)
    guard descriptor >= 0 else { return nil }
    defer { close(Int32(descriptor)) }
    return readAll(descriptor, limit: limit)
}

/// The value of `Key:` in /proc/self/status.
func status(_ key: String) -> String {
    for line in (readFile("/proc/self/status") ?? "").split(separator: "\n") where line.hasPrefix(key + ":") {
        return line.dropFirst(key.count + 1).drop { $0 == "\t" || $0 == " " }.description
    }
    return ""
}

/// Only success is an escape.
func mustFail(_ result: Int, _ what: String = "") -> Verdict {
    result < 0 ? .stopped(errorName(result)) : .escaped(what.isEmpty ? "returned \(result)" : what)
}

/// The call must be refused before the kernel looks at its arguments, which are wrong on purpose: any other error than a
/// refusal shows that it came through (the technique of bubblewrap's try-syscall).
func mustBeRefused(_ result: Int) -> Verdict {
    switch Int32(truncatingIfNeeded: -result) {
    case EPERM, EACCES, ENOSYS: .stopped(errorName(result))
    default: .escaped(result < 0 ? "the kernel took it: \(errorName(result))" : "returned \(result)")
    }
}

/// A file that must not open this way.
///
/// - Parameter orMask: /dev/null in its place is as good.
func mustNotOpen(_ path: String, _ flags: Int32 = O_RDONLY, orMask: Bool = false) -> Verdict {
    let descriptor = openFile(path, flags)
    guard descriptor >= 0 else { return .stopped(errorName(descriptor)) }
    defer { close(Int32(descriptor)) }
    var (found, null) = (stat(), stat())
    if orMask, fstat(Int32(descriptor), &found) == 0, stat("/dev/null", &null) == 0,
        found.st_mode & S_IFMT == S_IFCHR, found.st_rdev == null.st_rdev
    {
        return .stopped("masked")
    }
    return .escaped("opened \(path)")
}

/// A file that must have no content: a mask is allowed to be there.
func mustNotRead(_ path: String) -> Verdict {
    let descriptor = openFile(path, O_RDONLY | O_NONBLOCK)
    guard descriptor >= 0 else { return .stopped(errorName(descriptor)) }
    let memory = memory(16)
    let count = call(__NR_read, descriptor, address(memory), 16)
    close(Int32(descriptor))
    if count < 0 { return .stopped("read: \(errorName(count))") }
    return count == 0 ? .stopped("empty") : .escaped("read \(count) bytes")
}

/// The first of these that got through, or the last refusal.
func any(_ verdicts: [Verdict]) -> Verdict {
    verdicts.first { $0.word == "escaped" } ?? verdicts.first { $0.word == "error" } ?? verdicts.last
        ?? .error("nothing was tried")
}

/// Root of a new user namespace with the other namespaces asked for, where that is possible: the usual first step, which
/// opens the kernel's privileged half to everybody. What follows is tried in any case.
@discardableResult
func becomeRootOfNamespaces(_ flags: Int32) -> Bool {
    // Root of the host has all that a user namespace could give.
    if geteuid() == 0 { return call(__NR_unshare, Int(flags)) == 0 }
    return becomeRootOfNewUsers(flags)
}

/// The same with a user namespace in any case.
@discardableResult
func becomeRootOfNewUsers(_ flags: Int32 = 0) -> Bool {
    let (uid, gid) = (getuid(), getgid())
    guard call(__NR_unshare, Int(CLONE_NEWUSER) | Int(flags)) == 0 else { return false }
    writeFile("/proc/self/setgroups", "deny")
    writeFile("/proc/self/gid_map", "0 \(gid) 1")
    writeFile("/proc/self/uid_map", "0 \(uid) 1")
    return true
}

/// write(2) of a text to an existing file; a negative errno when it fails.
@discardableResult
func writeFile(_ path: String, _ content: String) -> Int {
    let descriptor = openFile(path, O_WRONLY)
    guard descriptor >= 0 else { return descriptor }
    defer { close(Int32(descriptor)) }
    return call(__NR_write, descriptor, text(content), content.utf8.count)
}

/// What `body` returns in a child that may break whatever it likes.
func inChild(_ body: () -> Int32) -> Int32 {
    let pid = escape_fork()
    if pid == 0 { _exit(body()) }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    let signal = escape_ended_by(status)
    return signal == 0 ? status >> 8 & 0xff : 128 + signal
}
