import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

/// What a run changes, it has changed when its answer comes.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct LastWriteTests {
    /// The kernel writes to the memory of who ends, which can be a file's: that the owners of futexes are dead
    /// (`get_robust_list(2)`), on 2,040 pages that have to be read from the disk first.
    @Test func `the memory of who was left behind is written for the last time before the answer`() async throws {
        let workspace = TemporaryDirectory()
        let script = """
            import ctypes, mmap, os, platform, struct, time
            pages, libc = 2040, ctypes.CDLL(None)
            reading, writing = os.pipe()
            for number in range(2):
                if os.fork(): continue
                file = os.open(f"futexes-{number}", os.O_RDWR | os.O_CREAT)
                os.ftruncate(file, pages * 4096)
                memory = mmap.mmap(file, pages * 4096)
                start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
                head = ctypes.create_string_buffer(24)
                last = ctypes.addressof(head)
                for page in range(pages):
                    after = start + (page + 1) * 4096 if page + 1 < pages else last
                    memory[page * 4096:page * 4096 + 8] = struct.pack("Q", after)
                    memory[page * 4096 + 64:page * 4096 + 68] = struct.pack("I", os.getpid())
                head[:] = struct.pack("QqQ", start, 64, 0)
                memory.flush()
                memory.madvise(mmap.MADV_DONTNEED)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                memory.madvise(mmap.MADV_RANDOM)
                call = {"x86_64": 273, "aarch64": 99}[platform.machine()]
                os.write(writing, b"x" if libc.syscall(call, head, 24) == 0 else b"-")
                time.sleep(60)
                os._exit(0)
            said = b""
            while len(said) < 2: said += os.read(reading, 2 - len(said))
            print(said.decode(), flush=True)
            os._exit(0)
            """
        let service = try ServiceFixture()
        let result = try await service.client().run("python3", "-c", script, workspace: workspace.path)
        let atTheAnswer = try Self.deadOwners(in: workspace)
        try #require(result.outputText == String(repeating: "x", count: 2) + "\n", "\(result.errorText)")
        try await Task.sleep(for: .seconds(1))
        let later = try Self.deadOwners(in: workspace)
        #expect(atTheAnswer == later)
        #expect(later == 2 * 2040)
    }

    /// FUTEX_OWNER_DIED, in every page where the kernel left it.
    private static func deadOwners(in workspace: TemporaryDirectory) throws -> Int {
        try (0..<2).reduce(0) { sum, number in
            let bytes = try wholeFileBytes("\(workspace.path)/futexes-\(number)")
            return sum + stride(from: 67, to: bytes.count, by: 4096).count { bytes[$0] & 0x40 != 0 }
        }
    }
}
