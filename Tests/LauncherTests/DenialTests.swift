import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// What was refused inside is told outside, by the filter and by pid 1.
@Suite(.needs(.root), .serialized) struct DenialTests {
    private func denials(
        _ script: String, _ policy: CompiledPolicy = .testing()
    ) throws -> (output: String, denials: [KernelDenial]) {
        let head = "import os,socket,ctypes,sys\nlibc=ctypes.CDLL(None,use_errno=True)\n"
        let result = try LauncherHarness.ready(policy).run(["/usr/bin/python3", "-c", head + script])
        return (result.output, result.report?.denials ?? [])
    }

    @Test func aQuietCommandHasNone() throws {
        #expect(try denials("print(1)").denials == [])
    }

    @Test func callsAreCountedByName() throws {
        let (output, denials) = try denials(
            "for i in range(5): r=libc.unshare(0x10000000)\nprint(r, ctypes.get_errno())")
        #expect(output == "-1 1\n")
        #expect(denials.map(\.subject) == ["unshare"])
        #expect(denials.first?.count == 5)
        #expect(denials.first?.arguments.first == 0x1000_0000)
    }

    @Test func argumentsTellApart() throws {
        let (_, denials) = try denials(
            "for f in (38,40,38):\n  try: socket.socket(f,socket.SOCK_STREAM)\n  except OSError: pass")
        #expect(denials.map { $0.arguments[0] } == [38, 40])
        #expect(denials.map(\.count) == [2, 1])
    }

    @Test func connectionsHaveTheirAddress() throws {
        let (output, denials) = try denials(
            """
            for a in ('192.0.2.1',443),('192.0.2.1',443),('127.0.0.1',1):
              try: socket.create_connection(a)
              except OSError as e: print(e.errno)
            s=socket.socket(socket.AF_INET6)
            try: s.connect(('2001:db8::1',80))
            except OSError as e: print(e.errno)
            u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
            try: u.sendto(b'x',('198.51.100.7',53))
            except OSError as e: print(e.errno)
            """)
        #expect(output == String(repeating: "\(EACCES)\n", count: 5))
        #expect(
            denials.map(\.subject) == [
                "192.0.2.1:443", "127.0.0.1:1", "[2001:db8:0:0:0:0:0:1]:80", "198.51.100.7:53",
            ])
        #expect(denials.map(\.count) == [2, 1, 1, 1])
    }

    @Test(.nativeOnly("engines give containers no IPv6 loopback")) func loopbackIsNoDenial() throws {
        var policy = CompiledPolicy.testing()
        policy.loopback = true
        let (output, denials) = try denials(
            """
            s=socket.create_server(('127.0.0.1',0)); c=socket.create_connection(s.getsockname())
            c.sendall(b'hello'); print(s.accept()[0].recv(5))
            s=socket.create_server(('::1',0),family=socket.AF_INET6); c=socket.create_connection(s.getsockname()[:2])
            try: socket.create_connection(('192.0.2.1',443))
            except OSError as e: print(e.errno)
            """, policy)
        #expect(output == "b'hello'\n\(ENETUNREACH)\n")
        #expect(denials.map(\.subject) == ["192.0.2.1:443"])
    }

    @Test func unixSocketsConnect() throws {
        let (output, denials) = try denials(
            """
            s=socket.socket(socket.AF_UNIX); s.bind('/tmp/s'); s.listen()
            c=socket.socket(socket.AF_UNIX); c.connect('/tmp/s'); print('connected')
            d=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); d.bind('/tmp/d')
            e=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); e.sendto(b'x','/tmp/d'); print(d.recv(9))
            """)
        #expect(output == "connected\nb'x'\n")
        #expect(denials == [])
    }

    @Test func aDeniedCallThatIsWatchedElsewhereIsRefused() throws {
        var policy = CompiledPolicy.testing()
        policy.syscallsDenied = ["connect"]
        let (output, denials) = try denials(
            """
            s=socket.socket(socket.AF_UNIX); s.bind('/tmp/s'); s.listen()
            c=socket.socket(socket.AF_UNIX)
            try: c.connect('/tmp/s'); print('connected')
            except OSError as e: print(e.errno)
            """, policy)
        #expect(output == "\(EPERM)\n")
        #expect(denials.map(\.subject) == ["connect"])
    }

    @Test func programsOnANoexecMount() throws {
        var policy = CompiledPolicy.testing()
        policy.executeWritten = false
        let (_, denials) = try denials(
            """
            open('/tmp/tool','w').write('#!/bin/sh\\n'); os.chmod('/tmp/tool',0o755)
            def attempt(f):
              if os.fork()==0:
                try: f()
                finally: os._exit(0)
              os.wait()
            attempt(lambda: os.execv('/tmp/tool',['tool']))
            def relative(): os.chdir('/tmp'); os.execv('./tool',['tool'])
            attempt(relative)
            attempt(lambda: os.execve(os.open('/tmp/tool',os.O_RDONLY),['tool'],{}))
            attempt(lambda: os.execv('/tmp/missing',['x']))
            attempt(lambda: os.execv('/usr/bin/true',['true']))
            """, policy)
        #expect(denials.filter { $0.kind == .execution }.map(\.subject) == ["/tmp/tool", "./tool", ""])
    }

    /// Only the first ones are kept: neither the number nor the size of a report is the command's to choose.
    @Test func aFloodIsBounded() throws {
        let (output, denials) = try denials(
            """
            for i in range(3000):
              try: socket.create_connection(('192.0.2.%d'%(i%256), 1+i))
              except OSError as e: pass
            for i in range(20000): libc.unshare(0)
            print('done')
            """)
        #expect(output == "done\n")
        #expect(denials.count <= KernelDenial.maximumCount)
        #expect(denials.count > 10)
    }

    /// A signal in the middle would make a call fail with EINTR and be counted again when it is made again.
    @Test func signalsInTheMiddleChangeNoCount() throws {
        let (output, denials) = try denials(
            """
            import signal, struct
            ticks=[0]
            def tick(*_): ticks[0]+=1
            signal.signal(signal.SIGALRM, tick)
            signal.siginterrupt(signal.SIGALRM, False)
            s=socket.socket()
            a=ctypes.create_string_buffer(struct.pack('!HH4s8x',0,80,bytes([192,0,2,9])))
            a[0]=2; a[1]=0
            signal.setitimer(signal.ITIMER_REAL, 0.00005, 0.00005)
            for i in range(4000): libc.connect(s.fileno(), a, 16)
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(ticks[0] > 100)
            """)
        #expect(output == "True\n")
        #expect(denials.map(\.subject) == ["192.0.2.9:80"])
        #expect(denials.map(\.count) == [4000])
    }

    /// Killed by its limit, the sandbox tells nothing more; what it told before is kept.
    @Test func theFirstOneIsKnownAlsoAfterAKill() throws {
        let harness = try LauncherHarness.ready()
        var limits = LaunchLimits.testing
        limits.memoryBytes = 64 << 20
        let result = try harness.run(
            ["/usr/bin/python3", "-c", "import ctypes; ctypes.CDLL(None).unshare(0)\nb=bytearray(200<<20)"],
            limits: limits)
        #expect(result.report?.ending == .killed)
        #expect(result.report?.denials.map(\.subject) == ["unshare"])
    }

    /// Another process of the sandbox may not answer for pid 1, and a filter of its own has no second listener.
    @Test func theListenerIsNobodyElses() throws {
        let (output, _) = try denials(
            """
            import struct
            # seccomp(SECCOMP_SET_MODE_FILTER, NEW_LISTENER, {1, ret ALLOW})
            ins=ctypes.create_string_buffer(struct.pack('HBBI',6,0,0,0x7fff0000))
            prog=ctypes.create_string_buffer(struct.pack('HxxxxxxQ',1,ctypes.addressof(ins)))
            r=libc.syscall(317,1,8,prog); print(r, ctypes.get_errno())
            print(sorted(os.listdir('/proc/self/fd')))
            """)
        #expect(output.hasPrefix("-1 \(EBUSY)\n['0', '1', '2', '3']"))
    }
}
