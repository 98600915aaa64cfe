import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport

/// A process of an ordinary user that is connected as a client and, all the while, exchanges what stands under two names.
final class Attacker {
    static let uid: UInt32 = 4242

    /// What it does over and over.
    enum Flip: String {
        /// `renameat2(RENAME_EXCHANGE)` of the two.
        case exchange
        /// The first is renamed to the second and back.
        case move
        /// The first is replaced by a link to one place and then by a link to the other; the second is used in between.
        case relink
    }

    private let program: StartedProgram
    private let socket: OwnedDescriptor

    /// Connects through a listener that the harness trusts, and begins.
    init(_ flip: Flip, _ first: String, _ second: String, links: (String, String) = ("", ""), listener: Listener) throws
    {
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        program = try StartedProgram(
            [
                "/usr/bin/python3", "-c", Self.script, "\(Self.uid)", listener.path, flip.rawValue, first, second,
                links.0, links.1,
            ], descriptors: [null.number, null.number, 2])
        let listening = listener.socket.number
        socket = OwnedDescriptor(owning: try system("accept") { accept(listening, nil, nil) })
    }

    /// Its connection.
    var number: Int32 { socket.number }

    /// Whether it has flipped 10,000 times.
    var hasFlippedEnough: Bool {
        var state = pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0)
        return poll(&state, 1, 0) != 0
    }

    /// Stops it: how often it has flipped.
    func stop() throws -> Int {
        let number = socket.number
        var byte: UInt8 = 0
        // The end of the 10,000, if it was not waited for, and then the end.
        try system("hear the attacker") { read(number, &byte, 1) }
        try system("stop the attacker") { write(number, "x", 1) }
        var answer = [UInt8](repeating: 0, count: 32)
        let count = try system("hear the attacker") { read(number, &answer, answer.count) }
        program.wait()
        return Int(String(decoding: answer.prefix(count), as: UTF8.self)) ?? 0
    }

    deinit {
        kill(program.pid, SIGKILL)
        program.wait()
    }

    private static let script = """
        import ctypes, os, socket, sys
        uid, path, flip, first, second, one, other = int(sys.argv[1]), *sys.argv[2:]
        os.setgroups([]); os.setgid(uid); os.setuid(uid)
        libc = ctypes.CDLL(None, use_errno=True)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        connection.setblocking(False)
        a, b = first.encode(), second.encode()
        def exchange():
            if libc.renameat2(-100, a, -100, b, 2) != 0: raise OSError(ctypes.get_errno(), "renameat2")
        def move():
            os.rename(a, b); os.rename(b, a)
        def relink():
            for target in (one, other):
                os.symlink(target, b); os.rename(b, a)
        count, told = 0, False
        while True:
            for _ in range(50): globals()[flip]()
            count += 50
            if count >= 10000 and not told:
                connection.sendall(b".")
                told = True
            try:
                if connection.recv(1) is not None: break
            except BlockingIOError: pass
        connection.setblocking(True)
        connection.sendall(b"%d" % count)
        """
}

/// A listening socket that every user may connect to.
final class Listener {
    let path: String
    let socket: OwnedDescriptor

    init(_ path: String) throws {
        self.path = path
        let number = try UnixSocket.bound(SOCK_STREAM, at: path)
        socket = OwnedDescriptor(owning: number)
        try system("listen") { listen(number, 8) }
        chmod(path, 0o777)
    }
}

extension LauncherHarness {
    /// A sealed launcher that takes clients which come through a listener.
    static func sealed(
        _ policy: CompiledPolicy, serving listener: Listener, prefix: [String] = []
    ) throws -> LauncherHarness {
        let harness = try LauncherHarness(prefix: prefix)
        try harness.send(.policy(policy))
        let answer = try harness.next()
        guard case .policyReady = answer else { throw HarnessError.unexpected("\(answer)") }
        try harness.send(.trust, [listener.socket.number])
        try harness.send(.seal())
        guard case .sealed = try harness.next() else { throw HarnessError.unexpected("not sealed") }
        return harness
    }
}
