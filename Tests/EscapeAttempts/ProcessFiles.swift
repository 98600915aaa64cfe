import CEscape
import Glibc

extension Attempt {
    /// /proc of processes.
    static let processFiles: [Attempt] =
        ["root", "cwd", "environ", "mem", "maps", "fd", "exe", "stack", "syscall", "auxv", "fdinfo", "task"].map {
            name in
            Attempt("proc-1-\(name)", "CVE-2016-9962, CVE-2019-5736", "open /proc/1/\(name)") { _ in
                mustNotOpen("/proc/1/\(name)")
            }
        } + aroundInit + ofItself

    private static let aroundInit: [Attempt] = [
        Attempt("proc-1-exe-overwrite", "CVE-2019-5736", "open pid 1's program for writing") { _ in
            let verdict = mustNotOpen("/proc/1/exe", O_WRONLY)
            // Unconfined pid 1 is this program itself, which runs.
            return verdict == .stopped("ETXTBSY") ? .escaped("ETXTBSY: only because it is in use") : verdict
        },
        Attempt("proc-1-mem-write", "/proc/PID/mem into the helper", "open pid 1's memory for writing") { _ in
            mustNotOpen("/proc/1/mem", O_RDWR)
        },
        Attempt("proc-1-root-walk", "CVE-2024-21626", "read the host's secret through /proc/1/root") { host in
            readsSecret("/proc/1/root" + host.secretFile)
        },
        Attempt(
            "proc-1-by-alias", "hidepid", "pid 1 by another spelling: /proc/self/../1, /proc/thread-self/../../../1"
        ) {
            _ in
            any(
                ["/proc/self/../1/ns/mnt", "/proc/thread-self/../../../1/ns/mnt", "/proc//1/ns/mnt"].map {
                    mustNotOpen($0)
                })
        },
        Attempt("proc-1-visible", "hidepid", "stat /proc/1") { _ in
            mustFail(call(__NR_newfstatat, currentDirectory, text("/proc/1"), address(memory(256)), 0))
        },
        Attempt("host-processes", "pid namespaces", "a process of the host in the list of /proc") { host in
            for pid in 1..<65536 {
                guard let words = readFile("/proc/\(pid)/cmdline"), words.contains(host.marker) else { continue }
                return .escaped("pid \(pid)")
            }
            return .stopped("none")
        },
        Attempt("host-environment", "pid namespaces", "environment of a process of the host") { host in
            readsSecret("/proc/\(host.process)/environ")
        },
        Attempt("host-process-root", "pid namespaces", "files of the host through /proc/PID/root") { host in
            readsSecret("/proc/\(host.process)/root" + host.secretFile)
        },
        Attempt("host-process-descriptors", "pid namespaces", "files that a process of the host has open") { host in
            mustNotOpen("/proc/\(host.process)/fd")
        },
        Attempt("host-process-memory", "pid namespaces", "memory of a process of the host") { host in
            mustNotOpen("/proc/\(host.process)/mem", O_RDWR)
        },
    ]

    static func readsSecret(_ path: String) -> Verdict {
        let descriptor = openFile(path)
        if descriptor < 0 { return .stopped(errorName(descriptor)) }
        let content = readAll(descriptor)
        return content.contains("SECRET-") ? .escaped(content) : .stopped("no secret in \(content.utf8.count) bytes")
    }

    private static let ofItself: [Attempt] = [
        Attempt("descriptor-leak", "CVE-2024-21626, CVE-2016-9962", "a descriptor beyond 0, 1 and 2") { _ in
            // One is the attempt's own pipe, one is the directory that is read here.
            let links = (3..<1024).compactMap { number -> String? in
                var buffer = [CChar](repeating: 0, count: 4096)
                let count = readlink("/proc/self/fd/\(number)", &buffer, buffer.count)
                guard count > 0 else { return nil }
                return String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
            }.filter { !$0.hasPrefix("pipe:") }
            return links.isEmpty ? .stopped("none") : .escaped(links.joined(separator: " "))
        },
        Attempt("descriptor-leak-walk", "CVE-2024-21626", "a directory of the host by /proc/self/fd/N/../..") { host in
            for number in 0..<64 {
                let verdict = readsSecret("/proc/self/fd/\(number)/../../../../../.." + host.secretFile)
                if verdict.word == "escaped" { return verdict }
            }
            return .stopped("none leads out")
        },
        Attempt("working-directory-outside", "CVE-2024-21626", "a working directory that is not in the sandbox") { _ in
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = call(__NR_getcwd, buffer.withUnsafeMutableBytes { Int(bitPattern: $0.baseAddress!) }, 4096)
            let path = String(decoding: buffer.prefix(max(0, count - 1)).map(UInt8.init(bitPattern:)), as: UTF8.self)
            return path.hasPrefix("/sandbox/workspace") ? .stopped(path) : .escaped(path)
        },
        Attempt("oom-score", "oom_score_adj", "make itself the last to be killed when the host has no memory") { _ in
            mustFail(writeFile("/proc/self/oom_score_adj", "-1000"))
        }.heldAnyway(noResources),
        Attempt("timer-slack-of-pid1", "/proc/PID", "change pid 1's timers") { _ in
            mustNotOpen("/proc/1/timerslack_ns", O_RDWR)
        },
        Attempt("page-frames", "rowhammer, pagemap", "physical addresses of one's own memory") { _ in
            let page = memory(8192)
            page.storeBytes(of: 1, as: UInt8.self)
            let map = openFile("/proc/self/pagemap")
            if map < 0 { return .stopped(errorName(map)) }
            var entry: UInt64 = 0
            let count = pread(Int32(map), &entry, 8, off_t(address(page) / 4096 * 8))
            guard count == 8 else { return .stopped("read: \(errorName(Int(errno)))") }
            return entry & (1 << 55 - 1) == 0 ? .stopped("hidden") : .escaped("frame \(entry & (1 << 55 - 1))")
        },
        Attempt("readonly-file-by-self-mem", "/proc/self/mem", "write through it into a read-only shared mapping") {
            _ in
            let file = openFile("/usr/lib/os-release")
            let mapped = call(__NR_mmap, 0, 4096, Int(PROT_READ), Int(MAP_SHARED), file, 0)
            if mapped < 0 { return .error("mmap: \(errorName(mapped))") }
            let memory = openFile("/proc/self/mem", O_RDWR)
            if memory < 0 { return .stopped(errorName(memory)) }
            // What is there already: harmless where it works.
            return mustFail(call(__NR_pwrite64, memory, mapped, 1, mapped))
        }.heldAnyway("the kernel forces no writing into shared files"),
    ]

}
