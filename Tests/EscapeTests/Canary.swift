import EscapeAttempts
import Glibc
import LinuxSystem
import SandboxTestSupport

/// What the host has and nobody inside may reach: a secret in a file, in a process's environment, behind a TCP port and
/// three kinds of Unix sockets, in System V and POSIX objects, in a keyring; and a process that waits on a page of /usr.
final class Canary: Sendable {
    let secret: String
    /// Searched for in the host's processes.
    let marker: String
    /// The user of this process and of the runs without a sandbox: nobody else's, so that a signal to all of its
    /// processes meets no other.
    let user: UInt32
    let directory = TemporaryDirectory()
    let surroundings: [String: String]
    let pid: Int32
    private let program: StartedProgram
    private let input: Int32

    var file: String { "\(directory.path)/secret" }

    init() throws {
        let number = UInt32.random(in: 0..<1 << 24)
        let tag = String(number, radix: 16)
        secret = "SECRET-\(tag)-\(UInt64.random(in: 0...(.max)))"
        marker = "escape-canary-\(tag)"
        user = 0x6100_0000 + number & 0xffff
        chmod(directory.path, 0o755)
        try directory.write("secret", secret)
        try directory.write("canary.py", Self.script)
        let input = try DescriptorPair.pipe()
        let output = try DescriptorPair.pipe()
        let errors = open("\(directory.path)/errors", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(errors) }
        let key = Int(0x4000_0000 + number)
        program = try StartedProgram(
            ["/usr/bin/python3", "\(directory.path)/canary.py", marker, directory.path, tag, "\(key)", "\(user)"],
            environment: ["CANARY_SECRET=\(secret)"],
            descriptors: [input.first.number, output.second.number, errors])
        pid = program.pid
        self.input = try input.second.duplicate().release()
        let line = Self.firstLine(output.closingSecond())
        guard let port = UInt16(line) else {
            throw StageError.text("no canary: \(line)\((try? directory.read("errors")) ?? "")")
        }
        surroundings = [
            "ESCAPE_FILE": "\(directory.path)/secret", "ESCAPE_PORT": "\(port)", "ESCAPE_ABSTRACT": "escape-\(tag)",
            "ESCAPE_SOCKET": "\(directory.path)/socket", "ESCAPE_PID": "\(pid)", "ESCAPE_MARKER": marker,
            "ESCAPE_KEY": "\(key)", "ESCAPE_NAME": "escape-\(tag)",
        ]
    }

    deinit {
        // The end of its input tells it to remove what it made.
        close(input)
        program.wait()
    }

    var isAlive: Bool { kill(pid, 0) == 0 }

    private static func firstLine(_ descriptor: consuming OwnedDescriptor) -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while read(descriptor.number, &byte, 1) == 1, byte != UInt8(ascii: "\n") { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let script = """
        import ctypes, os, socket, sys, threading
        marker, directory, tag, key, uid = sys.argv[1:]
        key, uid = int(key), int(uid)
        secret = os.environ["CANARY_SECRET"].encode()
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        def listener(family, address):
            s = socket.socket(family)
            s.bind(address)
            s.listen()
            return s
        path = listener(socket.AF_UNIX, directory + "/socket")
        os.chmod(directory + "/socket", 0o777)
        os.setgroups([]); os.setgid(uid); os.setuid(uid)
        libc.prctl(4, 1)  # as a process of that user that was not root before
        tcp = listener(socket.AF_INET, ("127.0.0.1", 0))
        abstract = listener(socket.AF_UNIX, "\\0escape-" + tag)
        segment = libc.shmget(key, 4096, 0o1666)
        ctypes.memmove(libc.shmat(segment, None, 0), secret, len(secret))
        queue = libc.msgget(key, 0o1666)
        semaphore = libc.semget(key, 1, 0o1666)
        name = b"/escape-" + tag.encode()
        libc.mq_open(name, os.O_CREAT | os.O_RDWR, 0o666, None)
        shared = "/dev/shm/escape-" + tag
        with open(shared, "wb") as f: f.write(secret)
        key_number = {"x86_64": 248, "aarch64": 217}[os.uname().machine]
        libc.syscall(key_number, b"user", b"escape-" + tag.encode(), secret, len(secret), -4)
        def serve(s):
            while True: s.accept()[0].sendall(secret)
        def wait():
            futex = {"x86_64": 202, "aarch64": 98}[os.uname().machine]
            with open("/usr/lib/os-release", "rb") as f:
                word = int.from_bytes(f.read(4), "little")
            libc.mmap.restype = ctypes.c_void_p
            libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
            where = libc.mmap(None, 4096, 1, 1, os.open("/usr/lib/os-release", os.O_RDONLY), 0)
            while True: libc.syscall(futex, ctypes.c_void_p(where), 0, word, None)
        for task, arguments in (serve, (tcp,)), (serve, (abstract,)), (serve, (path,)), (wait, ()):
            threading.Thread(target=task, args=arguments, daemon=True).start()
        print(tcp.getsockname()[1], flush=True)
        sys.stdin.read()
        libc.shmctl(segment, 0, None)
        libc.msgctl(queue, 0, None)
        libc.semctl(semaphore, 0, 0)
        libc.mq_unlink(name)
        os.unlink(shared)
        os._exit(0)
        """
}

enum StageError: Error { case text(String) }
