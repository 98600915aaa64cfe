import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// `commands.execute`: nothing but the listed programs can be executed, by whatever way.
@Suite(.needs(.root), .nativeOnly("the kernel's list of programs is the host's"), .serialized) struct ExecAllowlistTests
{
    private static func policy(writeExecuteMemory: Bool = true) -> CompiledPolicy {
        var policy = CompiledPolicy.testing()
        policy.executePaths = ["/usr/bin/python3", "/bin/sh", "/usr/bin/no-such-program"]
        policy.writeExecuteMemory = writeExecuteMemory
        return policy
    }

    private static let loader = "/lib64/ld-linux-x86-64.so.2"

    /// Python that tries something and prints "ran" or the error.
    private func attempt(_ body: String, _ policy: CompiledPolicy = policy()) throws -> LauncherHarness.Finished {
        let script = "import os,subprocess,ctypes,mmap,sys,shutil\n" + body
        return try LauncherHarness.ready(policy).run(["/usr/bin/python3", "-c", script])
    }

    @Test func listedProgramsRunWithTheirLibraries() throws {
        let result = try attempt(
            "import ssl,sqlite3,ctypes,json; print(subprocess.check_output(['/bin/sh','-c','echo from sh']).decode())")
        #expect(result.output == "from sh\n\n", "\(result.events)")
    }

    @Test(arguments: [
        "subprocess.run(['/usr/bin/id'])",
        "shutil.copy('/usr/bin/id','/tmp/id'); subprocess.run(['/tmp/id'])",
        "os.symlink('/usr/bin/id','/tmp/link'); subprocess.run(['/tmp/link'])",
        "subprocess.run(['/proc/self/root/usr/bin/id'])",
        "f=os.open('/usr/bin/id',os.O_RDONLY); os.execve(f,['id'],{})",
        "f=os.open('/usr/bin/id',os.O_PATH); os.execve(f,['id'],{})",
        "f=os.open('/usr/bin/id',os.O_RDONLY); os.set_inheritable(f,True); os.execv('/proc/self/fd/%d'%f,['id'])",
        "f=os.memfd_create('x'); os.write(f,open('/usr/bin/id','rb').read()); os.execve(f,['id'],{})",
        "os.chdir('/usr/bin'); os.execv('./id',['id'])",
        "open('/tmp/s','w').write('#!/usr/bin/id\\n'); os.chmod('/tmp/s',0o755); os.execv('/tmp/s',['s'])",
        "shutil.copy('/usr/bin/id','/sandbox/workspace/id'); os.execv('/sandbox/workspace/id',['id'])",
        "shutil.copy('/usr/bin/id','/dev/shm/id'); os.execv('/dev/shm/id',['id'])",
    ]) func others(_ way: String) throws {
        let result = try attempt("try:\n  \(way)\nexcept OSError as e: print('refused', e.errno)")
        #expect(!result.output.contains("uid="), "\(result.output)")
        #expect(result.output.contains("refused"), "\(result.output) \(result.events)")
    }

    @Test(arguments: [
        "[L,'/usr/bin/id']", "['/bin/sh','-c',L+' /usr/bin/id']", "[L,'--preload','/tmp/id','/bin/sh','-c','id']",
    ]) func theLoaderMapsNothingElse(_ arguments: String) throws {
        let way =
            "shutil.copy('/usr/bin/id','/tmp/id'); L='\(Self.loader)'; p=subprocess.run(\(arguments)); print(p.returncode)"
        let result = try attempt(way)
        #expect(!result.output.contains("uid="), "\(result.output)")
        #expect(!result.output.contains("\n0\n"), "\(result.output)")
    }

    @Test func aLibraryOfTheWorkspaceIsNotLoaded() throws {
        let way = """
            shutil.copy('/usr/lib/x86_64-linux-gnu/libz.so.1','/tmp/libevil.so')
            try: ctypes.CDLL('/tmp/libevil.so'); print('loaded')
            except OSError as e: print('refused', e)
            p=subprocess.run(['/bin/sh','-c','echo ok'],env={'LD_PRELOAD':'/tmp/libevil.so'},capture_output=True,text=True)
            print(p.stderr)
            """
        let result = try attempt(way)
        #expect(result.output.contains("refused"))
        #expect(result.output.contains("cannot be preloaded"))
    }

    @Test func refusedProgramsAreReported() throws {
        let result = try attempt("subprocess.run(['/usr/bin/id'])")
        #expect(
            result.report?.denials == [
                KernelDenial(kind: .execution, subject: "/usr/bin/id", arguments: [], count: 1)
            ])
    }

    @Test func theCommandItselfIsReportedToo() throws {
        let result = try LauncherHarness.ready(Self.policy()).run(["id"])
        #expect(result.failure?.stage == .commandExecute)
        #expect(result.failure?.errno == EACCES)
        #expect(result.failure?.denials.map(\.subject).contains("/usr/bin/id") == true)
    }

    @Test func anyProgramOfADirectory() throws {
        var policy = CompiledPolicy.testing()
        policy.executePaths = ["/usr/bin/"]
        #expect(try LauncherHarness.ready(policy).run(["/usr/bin/id", "-u"]).output == "1000\n")
        let result = try LauncherHarness.ready(policy).run([
            "/bin/sh", "-c", "cp /usr/bin/id /tmp/id; /tmp/id; echo $?",
        ])
        #expect(result.output.contains("126"))
    }

    @Test func aProgramThatIsNotShownIsAnError() throws {
        var policy = CompiledPolicy.testing()
        policy.executePaths = ["/etc/hostname"]
        let harness = try LauncherHarness()
        try harness.send(.policy(policy))
        guard case .policyRefused(_, let failure) = try harness.next() else {
            Issue.record("taken")
            return
        }
        #expect(failure.subject.contains("/etc/hostname"))
    }

    // MARK: memory

    @Test(arguments: [
        "mmap.mmap(-1,4096,prot=7)",
        // A child would make its own mapping of the same page writable, and mremap(2) a second one.
        "mmap.mmap(-1,4096,flags=mmap.MAP_SHARED,prot=5)",
        "m=ctypes.CDLL(None,use_errno=True); b=mmap.mmap(-1,4096); a=ctypes.addressof(ctypes.c_char.from_buffer(b)); "
            + "r=m.mprotect(ctypes.c_void_p(a),4096,5); r and (_ for _ in ()).throw(OSError(ctypes.get_errno(),''))",
        "os.memfd_create('x')",
        "open('/proc/self/mem','r+b')",
        "m=ctypes.CDLL(None,use_errno=True); r=m.ptrace(0,0,0,0); r and (_ for _ in ()).throw(OSError(ctypes.get_errno(),''))",
        "m=ctypes.CDLL(None,use_errno=True); i=m.shmget(0,4096,0o1700); m.shmat.restype=ctypes.c_long; "
            + "r=m.shmat(i,None,0o100000); r==-1 and (_ for _ in ()).throw(OSError(ctypes.get_errno(),''))",
    ]) func writableAndExecutableMemory(_ way: String) throws {
        let body = "try:\n  \(way)\n  print('got it')\nexcept OSError as e: print('refused', e.errno)"
        let forbidden = try attempt(body, Self.policy(writeExecuteMemory: false))
        #expect(forbidden.output.hasPrefix("refused"), "\(forbidden.output)")
        // Without a list of programs: before Linux 6.3 files in memory are refused together with it.
        let allowed = try attempt(body, .testing())
        #expect(allowed.output.hasPrefix("got it"), "\(allowed.output)")
    }
}
