import EscapeAttempts
import Glibc
import SandboxClient
import SandboxTestSupport

extension HostCase {
    /// Nothing but Python and a shell, and no memory that is written and executed.
    static let listed = """
        version: 1
        extends: default
        description: Python and a shell
        workspace: { execute: false }
        commands: { \(Backend.current == .native ? "execute: [/usr/bin/python3, /usr/bin/dash], " : "")write-execute-memory: false }
        """

    /// Python before each attempt: a copy of a program that is not listed, in the directory where it starts.
    private static let preparation = """
        import ctypes, mmap, os, shutil, subprocess, sys
        c = ctypes.CDLL(None, use_errno=True)
        here = os.getcwd()
        target = "/usr/bin/id"
        shutil.copy(target, "id"); os.chmod("id", 0o755)
        shared = "/dev/shm/escape-%d" % os.getpid()
        def share():
            shutil.copy(target, shared); os.chmod(shared, 0o755)
        def ask(result):
            if result in (-1, None, 0xffffffffffffffff): raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            return result
        c.mmap.restype = ctypes.c_void_p
        c.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
        c.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        def mapped(protection, flags=0x22, fd=-1): return ask(c.mmap(None, 4096, protection, flags, fd, 0))
        code = ctypes.cast(c.getpid, ctypes.c_void_p).value

        """

    private static func payload(_ body: String) -> [String] {
        let indented = body.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
        let text =
            preparation + "try:\n" + indented.joined(separator: "\n")
            + "\nexcept (OSError, subprocess.CalledProcessError) as e: print('refused:', e)"
            + "\nfor f in shared, shared + 'x':\n    if os.path.exists(f): os.unlink(f)"
        return ["/usr/bin/python3", "-c", text]
    }

    private static func judged(
        _ name: String, _ origin: String, _ tries: String, _ body: String, _ sign: String
    ) -> HostCase {
        HostCase(name, origin, tries) { bench in
            let argv = payload(body)
            let directory = bench.directory()
            let said = try await bench.said(argv, policy: "listed", workspace: directory.path)
            let other = bench.directory()
            let outside = try bench.outside(argv, in: other.path)
            func verdict(_ text: String) -> Verdict {
                if text.contains(sign) { return .escaped(sign) }
                return text.contains("refused") ? .stopped(text.lastLine) : .error(text.lastLine)
            }
            return Judgement(verdict(said), outside: verdict(outside))
        }
    }

    /// Executing something that is not on the list: id says who it is.
    private static func execute(_ name: String, _ tries: String, _ body: String) -> HostCase {
        judged("exec-\(name)", "exec allowlist", tries, body, "uid=")
    }

    /// Code of one's own without executing a file.
    private static func code(_ name: String, _ tries: String, _ body: String) -> HostCase {
        judged("code-\(name)", "writable and executable memory", tries, body + "\nprint('got it')", "got it")
    }

    static let execution: [HostCase] = [
        execute("direct", "a program that is not listed", "subprocess.check_call([target])"),
        execute(
            "from-a-shell", "the same from a listed shell",
            "subprocess.check_call(['/usr/bin/dash', '-c', 'exec /usr/bin/id'])"),
        execute("copy", "a copy in the workspace", "subprocess.check_call([here + '/id'])"),
        execute("copy-in-shm", "a copy in /dev/shm", "share(); subprocess.check_call([shared])"),
        execute(
            "rename", "a copy that takes a listed program's name",
            "os.rename('id', 'python3'); subprocess.check_call([here + '/python3'])"),
        execute(
            "hard-link", "a hard link",
            "share(); os.link(shared, shared + 'x'); subprocess.check_call([shared + 'x'])"),
        execute("link", "a link", "os.symlink(target, 'x'); subprocess.check_call([here + '/x'])"),
        execute(
            "link-by-listed-name", "a link with a listed program's name",
            "os.symlink(target, 'python3'); subprocess.check_call([here + '/python3'])"),
        execute("proc-root", "/proc/self/root", "subprocess.check_call(['/proc/self/root/usr/bin/id'])"),
        execute(
            "proc-descriptor", "/proc/self/fd/N",
            "f = os.open(target, os.O_RDONLY); os.set_inheritable(f, True); os.execv('/proc/self/fd/%d' % f, ['id'])"),
        execute("descriptor", "fexecve(3)", "os.execve(os.open(target, os.O_RDONLY), ['id'], {})"),
        execute(
            "path-descriptor", "fexecve(3) of an O_PATH descriptor", "os.execve(os.open(target, os.O_PATH), ['id'], {})"
        ),
        execute(
            "execveat", "execveat(2) with AT_EMPTY_PATH",
            """
            f = os.open(target, os.O_PATH); argv = (ctypes.c_char_p * 2)(b"id", None)
            number = {"x86_64": 322, "aarch64": 281}[os.uname().machine]
            ask(c.syscall(number, f, b"", argv, (ctypes.c_char_p * 1)(None), 0x1000))
            """),
        execute(
            "memory-file", "memfd_create(2) and execveat(2)",
            "f = os.memfd_create('x'); os.write(f, open(target, 'rb').read()); os.execve(f, ['id'], {})"),
        execute(
            "memory-file-by-path", "memfd_create(2) and /proc/self/fd/N",
            "f = os.memfd_create('x', 0); os.write(f, open(target, 'rb').read()); os.execv('/proc/self/fd/%d' % f, ['id'])"
        ),
        execute(
            "nameless-file", "a file without a name: O_TMPFILE",
            """
            f = os.open(here, os.O_TMPFILE | os.O_RDWR, 0o755); os.write(f, open(target, "rb").read())
            r = os.open("/proc/self/fd/%d" % f, os.O_RDONLY); os.close(f); os.execve(r, ["id"], {})
            """),
        execute(
            "shebang", "a script whose interpreter it is",
            "open('s', 'w').write('#!/usr/bin/cat\\nuid=read by cat\\n'); "
                + "os.chmod('s', 0o755); subprocess.check_call([here + '/s'])"
        ),
        execute(
            "shebang-env", "a script whose interpreter is env, which starts it",
            "open('s', 'w').write('#!/usr/bin/env cat\\nuid=read by cat\\n'); "
                + "os.chmod('s', 0o755); os.execv(here + '/s', ['s'])"
        ),
        execute("loader", "ld.so PROGRAM", "subprocess.check_call([loader, target])".withLoader),
        execute("loader-of-a-copy", "ld.so COPY", "subprocess.check_call([loader, here + '/id'])".withLoader),
        execute(
            "loader-copied", "a copy of ld.so",
            "shutil.copy(loader, 'ld'); os.chmod('ld', 0o755); subprocess.check_call([here + '/ld', target])".withLoader
        ),
        execute(
            "loader-from-a-shell", "ld.so from a listed shell",
            "subprocess.check_call(['/usr/bin/dash', '-c', 'exec ' + loader + ' /usr/bin/id'])".withLoader),
        execute(
            "working-directory", "a relative name in /usr/bin", "os.chdir('/usr/bin'); os.execv('./id', ['id'])"),
        execute("posix-spawn", "posix_spawn(3)", "os.waitpid(os.posix_spawn(target, ['id'], {}), 0)"),
        execute(
            "set-group-of-others", "a helper that starts programs for others: /usr/bin/env, nice, timeout, xargs",
            "subprocess.check_call(['/usr/bin/timeout', '9', target])"),
    ]

    private static let library =
        "import glob\nlib = glob.glob('/usr/lib/*-linux-gnu/libz.so.1')[0]; shutil.copy(lib, 'evil.so')\n"

    static let memoryOfCode: [HostCase] = [
        code("library", "dlopen(3) of a library of the workspace", library + "ctypes.CDLL(here + '/evil.so')"),
        judged(
            "code-preload", "exec allowlist", "LD_PRELOAD of a library of the workspace",
            library + preloaded("LD_PRELOAD", "here + '/evil.so'"), "got it"),
        judged(
            "code-library-path", "exec allowlist", "LD_LIBRARY_PATH with a libm of the workspace",
            library + "shutil.copy(glob.glob('/usr/lib/*-linux-gnu/libm.so.6')[0], 'libm.so.6')\n"
                + preloaded("LD_LIBRARY_PATH", "here"), "got it"),
        judged(
            "code-audit", "exec allowlist", "LD_AUDIT with a library of the workspace",
            library + """
                text = subprocess.run([sys.executable, "-c", "1"], env={"LD_AUDIT": here + "/evil.so"},
                    capture_output=True, text=True).stderr
                # It was loaded when only its lack of an audit interface is complained about.
                print("got it" if "undefined symbol" in text else "refused: " + text[-99:])
                """, "got it"),
        code("anonymous", "memory that is writable and executable at once", "mapped(7)"),
        code("protect", "write memory, then make it executable", "a = mapped(3); ask(c.mprotect(a, 4096, 5))"),
        code(
            "protect-by-key", "the same by pkey_mprotect(2)",
            "a = mapped(3); c.pkey_mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int]; "
                + "ask(c.pkey_mprotect(a, 4096, 5, -1))"),
        code("text", "make the program's own code writable", "ask(c.mprotect(code & ~4095, 4096, 7))"),
        code("file", "map a file of the workspace executable", "f = os.open('id', os.O_RDONLY); mapped(5, 2, f)"),
        code(
            "file-shared", "map a file of /dev/shm twice, writable and executable",
            "share(); f = os.open(shared, os.O_RDWR); mapped(3, 1, f); mapped(5, 1, f)"),
        code(
            "memory-file", "map a memory file twice, writable and executable",
            "f = os.memfd_create('x'); os.write(f, bytes(4096)); mapped(3, 1, f); mapped(5, 1, f)"),
        code(
            "segment", "attach a System V segment executable",
            "i = ask(c.shmget(0, 4096, 0o1700)); c.shmat.restype = ctypes.c_long; a = c.shmat(i, None, 0o100000); c.shmctl(i, 0, None); ask(a)"
        ),
        code(
            "self-mem", "write one's own code through /proc/self/mem",
            """
            f = open("/proc/self/mem", "r+b", buffering=0)
            f.seek(code); byte = f.read(1); f.seek(code); f.write(byte)
            """),
        code(
            "trace", "write a child's code by ptrace(2)",
            """
            c.ptrace.argtypes = [ctypes.c_long] * 4; c.ptrace.restype = ctypes.c_long
            pid = os.fork()
            if pid == 0:
                if c.ptrace(0, 0, 0, 0) != 0: os._exit(9)
                os.kill(os.getpid(), 19); os._exit(0)
            if not os.WIFSTOPPED(os.waitpid(pid, 0)[1]): raise OSError("not traced")
            word = c.ptrace(1, pid, code, 0)
            result = c.ptrace(4, pid, code, word); e = ctypes.get_errno()
            os.kill(pid, 9); os.waitpid(pid, 0)
            if result != 0: raise OSError(e, "poke")
            """),
        code(
            "process-write", "write one's own code by process_vm_writev(2)",
            """
            class Vector(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
            a = mapped(3); v = Vector(a, 1); w = Vector(a, 1)
            ask(c.process_vm_writev(os.getpid(), ctypes.byref(v), 1, ctypes.byref(w), 1, 0))
            """),
        code("readable-is-executable", "personality(2) READ_IMPLIES_EXEC", "ask(c.personality(0x400000))"),
        code(
            "undo", "take the rule away again: prctl(PR_SET_MDWE, 0)",
            // Kernels before 6.3 have no such rule, only the filter.
            "c.prctl(65, 0, 0, 0, 0); ask(c.mprotect(mapped(3), 4096, 5))"),
    ]

    private static func preloaded(_ variable: String, _ value: String) -> String {
        """
        text = subprocess.run([sys.executable, "-c", "for l in open('/proc/self/maps'):\\n if 'x' in l.split()[1]: print(l)"],
            env={"\(variable)": \(value)}, capture_output=True, text=True)
        print("got it" if here + "/" in text.stdout else "refused: " + text.stderr[-99:])
        """
    }
}

extension String {
    /// With the name of this machine's dynamic loader.
    fileprivate var withLoader: String {
        "loader = [x for x in ('/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1') if os.path.exists(x)][0]\n"
            + self
    }
}
