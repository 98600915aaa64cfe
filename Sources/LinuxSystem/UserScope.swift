import CSandbox
import Glibc

/// A control group of an ordinary user's own, from the service manager of his session: a transient scope with `Delegate=`,
/// `systemd.scope(5)`. Asked for over the manager's private socket, by the one call that is needed: a library for D-Bus, or
/// `systemd-run`, takes longer to start than a sandbox.
package enum UserScope {
    /// How long the manager may take. It asks the system's manager to move the process, which takes some milliseconds.
    private static let patience: UInt64 = 2_000_000_000

    /// Moves this process, and what it will start, into a new scope. The manager removes the scope with the last of them.
    ///
    /// - Parameter runtimeDirectory: `$XDG_RUNTIME_DIR`; `nil`: where it usually is.
    /// - Throws: why not; ENOENT and ECONNREFUSED where there is no manager.
    package static func enter(runtimeDirectory: String?) throws(SystemError) {
        let path = socketPath(runtimeDirectory)
        let name = "sandboxd-\(getpid())-\(monotonicNanoseconds()).scope"
        let socket = try connect(to: path)
        let hexUser = "\(getuid())".utf8.map { String($0, radix: 16) }.joined()
        var request = Array("\0AUTH EXTERNAL \(hexUser)\r\nBEGIN\r\n".utf8)
        request += startMessage(name, pid: UInt32(getpid()))
        let number = socket.number
        let sent = try system("ask", path) {
            request.withUnsafeBytes { send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        }
        guard sent == request.count else { throw SystemError("ask", path, errno: EMSGSIZE) }
        try wait(for: name, path, number)
    }

    private static func socketPath(_ runtimeDirectory: String?) -> String {
        "\(runtimeDirectory ?? "/run/user/\(getuid())")/systemd/private"
    }

    private static func connect(to path: String) throws(SystemError) -> OwnedDescriptor {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemError("connect to", path, errno: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let socket = OwnedDescriptor(
            owning: try system("create a socket") {
                Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            })
        let number = socket.number
        // connect(2) waits as long where the manager takes nobody: then EAGAIN.
        var limit = timeval(tv_sec: Int(patience / 1_000_000_000), tv_usec: 0)
        try system("limit the wait for", path) {
            setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        try system("connect to", path) {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        return socket
    }

    /// Until the kernel says that this process is in the scope; what the manager says meanwhile counts where it is an error.
    private static func wait(for name: String, _ path: String, _ socket: Int32) throws(SystemError) {
        let deadline = monotonicNanoseconds() + patience
        var answer: [UInt8] = []
        while monotonicNanoseconds() < deadline {
            if try wholeFile("/proc/self/cgroup").split(separator: "\n").contains(where: { $0.hasSuffix("/\(name)") }) {
                return
            }
            var state = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&state, 1, 2) > 0 else { continue }
            var chunk = [UInt8](repeating: 0, count: 4096)
            let count = recv(socket, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            guard count > 0 else {
                throw SystemError("keep the connection to", path, errno: count == 0 ? EPIPE : errno)
            }
            answer += chunk[..<count]
            if let refusal = DBusText.refusal(in: answer) {
                throw SystemError("get a group from \(path): \(refusal)", errno: EACCES)
            }
        }
        throw SystemError("get a group from", path, errno: ETIMEDOUT)
    }

    /// `StartTransientUnit(name, "fail", [...], [])` of `org.freedesktop.systemd1(5)`.
    private static func startMessage(_ name: String, pid: UInt32) -> [UInt8] {
        var body = DBusWriter()
        body.put(name)
        body.put("fail")
        body.array(alignment: 8) { properties in
            properties.property("Description", "s") { $0.put("sandboxes of one sandboxctl call") }
            properties.property("CollectMode", "s") { $0.put("inactive-or-failed") }
            properties.property("Delegate", "b") { $0.put(UInt32(1)) }
            properties.property("PIDs", "au") { $0.array(alignment: 4) { $0.put(pid) } }
        }
        body.array(alignment: 8) { _ in }
        var message = DBusWriter()
        // Little endian, a method call, no flags, version 1.
        message.bytes = [UInt8(ascii: "l"), 1, 0, 1]
        message.put(UInt32(body.bytes.count))
        message.put(UInt32(1))
        message.array(alignment: 8) { fields in
            fields.field(1, "o") { $0.put("/org/freedesktop/systemd1") }
            fields.field(2, "s") { $0.put("org.freedesktop.systemd1.Manager") }
            fields.field(3, "s") { $0.put("StartTransientUnit") }
            fields.field(6, "s") { $0.put("org.freedesktop.systemd1") }
            fields.field(8, "g") { $0.put(signature: "ssa(sv)a(sa(sv))") }
        }
        message.align(8)
        return message.bytes + body.bytes
    }
}

/// D-Bus's format on the wire, as far as the one message needs it.
private struct DBusWriter {
    var bytes: [UInt8] = []

    mutating func align(_ alignment: Int) {
        bytes += repeatElement(0, count: (alignment - bytes.count % alignment) % alignment)
    }

    mutating func put(_ number: UInt32) {
        align(4)
        withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
    }

    mutating func put(_ text: String) {
        put(UInt32(text.utf8.count))
        bytes += Array(text.utf8) + [0]
    }

    mutating func put(signature: String) { bytes += [UInt8(signature.utf8.count)] + Array(signature.utf8) + [0] }

    /// Its length counts neither itself nor the padding before the first element.
    mutating func array(alignment: Int, _ elements: (inout DBusWriter) -> Void) {
        put(UInt32(0))
        let place = bytes.count - 4
        align(alignment)
        let start = bytes.count
        elements(&self)
        withUnsafeBytes(of: UInt32(bytes.count - start).littleEndian) {
            bytes.replaceSubrange(place..<place + 4, with: $0)
        }
    }

    /// (sv)
    mutating func property(_ name: String, _ signature: String, _ value: (inout DBusWriter) -> Void) {
        align(8)
        put(name)
        put(signature: signature)
        value(&self)
    }

    /// (yv)
    mutating func field(_ code: UInt8, _ signature: String, _ value: (inout DBusWriter) -> Void) {
        align(8)
        bytes.append(code)
        put(signature: signature)
        value(&self)
    }
}

/// The manager's words, which are for people: nothing is concluded from them but that it refuses.
enum DBusText {
    /// Why an answer is a refusal; `nil` while it is none. The line of the authentication comes first.
    static func refusal(in answer: [UInt8]) -> String? {
        guard let end = answer.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = String(decoding: answer[..<end], as: UTF8.self)
        guard line.hasPrefix("OK ") else { return String(line.prefix { !$0.isNewline }) }
        let message = Array(answer[(end + 1)...])
        // Of the fixed part the second byte is the type: 3 is an error. Its name and its text are printable.
        guard message.count >= 16, message[1] == 3 else { return nil }
        let texts = message.dropFirst(16).split { $0 < 0x20 || $0 > 0x7e }.filter { $0.count > 3 }
        return texts.map { String(decoding: $0, as: UTF8.self) }.last ?? "an error"
    }
}
