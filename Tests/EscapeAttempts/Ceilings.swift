import CEscape
import Glibc

extension Attempt {
    /// Resources of which the host has one supply for all: nobody inside may take so much that others have none. Each
    /// takes a part of what a host has by default.
    static let ceilings: [Attempt] = [
        Attempt("inotify-instances", "limits", "64 of the 128 inotify instances that root has on the host") { _ in
            takes(64) { call(__NR_inotify_init1, 0) }
        },
        Attempt("pending-signals", "limits", "2,048 pending signals, of a number that root on the host needs as well") {
            _ in
            takes(2048) {
                let information = memory(128)
                information.storeBytes(of: Int32(40), as: Int32.self)
                information.storeBytes(of: -1, toByteOffset: 8, as: Int32.self)
                return call(__NR_rt_sigqueueinfo, Int(getpid()), 40, address(information))
            } before: {
                let mask = memory(8)
                mask.storeBytes(of: .max, as: UInt64.self)
                _ = call(__NR_rt_sigprocmask, 0, address(mask), 0, 8)
            }
        },
        Attempt("timers", "limits", "2,048 POSIX timers, which are counted as pending signals") { _ in
            takes(2048) { call(__NR_timer_create, 1, 0, address(memory(4))) }
        },
        Attempt("posix-queue-bytes", "limits", "200 KiB of the 800 that root has for POSIX queues on the host") { _ in
            takes(3) {
                let attributes = memory(64)
                attributes.storeBytes(of: 10, toByteOffset: 8, as: Int.self)
                attributes.storeBytes(of: 8192, toByteOffset: 16, as: Int.self)
                let name = text("escape-queue-\(getpid())")
                let queue = call(__NR_mq_open, name, Int(O_CREAT | O_RDWR), 0o600, address(attributes))
                _ = call(__NR_mq_unlink, name)
                return queue
            }
        },
        Attempt("aio-events", "limits", "a share of the host's fs.aio-max-nr, of which there is one for all") { _ in
            mustFail(call(__NR_io_setup, 4096, address(memory(8))))
        },
        Attempt("terminals", "limits", "100 terminals of the 3,072 that all containers share") { _ in
            takes(100) { openFile("/dev/ptmx", O_RDWR | O_NOCTTY) }
        },
        Attempt("open-files", "limits", "more open files than the limit (256 in this run)") { _ in
            takes(400) { call(__NR_dup, 1) }
        },
        Attempt("fork-bomb", "limits", "200 processes at once (64 in this run)") { _ in
            takes(200) {
                let pid = escape_fork()
                if pid == 0 {
                    sleep(5)
                    _exit(0)
                }
                return pid < 0 ? -Int(errno) : Int(pid)
            }
        },
        Attempt("thread-bomb", "limits", "200 threads at once (64 in this run)") { _ in
            takes(200) {
                var thread = pthread_t()
                let result = pthread_create(
                    &thread, nil,
                    { _ in
                        sleep(5)
                        return nil
                    }, nil)
                return result == 0 ? 0 : -Int(result)
            }
        },
        Attempt("pipe-capacity", "limits", "a pipe of 16 MiB: F_SETPIPE_SZ beyond the host's maximum") { _ in
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { return .error("pipe") }
            return mustFail(Int(escape_fcntl(ends[1], 1031, 16 << 20)))
        }.heldAnyway(noResources),
        Attempt("file-size", "limits", "a file of 32 MiB (16 MiB in this run)") { _ in
            signal(SIGXFSZ, SIG_IGN)
            let file = openFile("large", O_RDWR | O_CREAT, mode: 0o600)
            let result = call(__NR_ftruncate, file, 32 << 20)
            unlink("large")
            return mustFail(result)
        },
        Attempt("tmp-bytes", "limits", "64 MiB in /tmp (32 MiB in this run)") { _ in fills("/tmp") },
        Attempt("shm-bytes", "limits", "64 MiB in /dev/shm (16 MiB in this run)") { _ in fills("/dev/shm") },
        Attempt("shm-inodes", "limits", "10,000 empty files in /dev/shm") { _ in
            let directory = "/dev/shm/escape-inodes-\(getpid())"
            mkdir(directory, 0o700)
            chdir(directory)
            var made = 0
            while made < 10_000 {
                let file = openFile("\(made)", O_WRONLY | O_CREAT, mode: 0o600)
                if file < 0 { break }
                close(Int32(file))
                made += 1
            }
            let code = Int(errno)
            for index in 0..<made { unlink("\(index)") }
            rmdir(directory)
            return made < 10_000 ? .stopped("\(errorName(code)) after \(made)") : .escaped("\(made) files")
        },
    ]

    static let noResources = "for root, too, where it has no CAP_SYS_RESOURCE, as in many containers"

    /// Takes one after the other and keeps them; the process's end gives them back.
    private static func takes(_ count: Int, _ one: () -> Int, before: () -> Void = {}) -> Verdict {
        before()
        for index in 0..<count {
            let result = one()
            if result < 0 { return .stopped("\(errorName(result)) after \(index)") }
        }
        return .escaped("took \(count)")
    }

    /// In files of 8 MiB, below the limit on one file.
    private static func fills(_ directory: String) -> Verdict {
        let chunk = memory(1 << 20)
        memset(chunk, 1, 1 << 20)
        let names = (0..<8).map { "\(directory)/escape-\(getpid())-\($0)" }
        defer { for name in names { unlink(name) } }
        var written = 0
        for name in names {
            let file = openFile(name, O_WRONLY | O_CREAT, mode: 0o600)
            for _ in 0..<8 {
                let count = call(__NR_write, file, address(chunk), 1 << 20)
                guard count == 1 << 20 else {
                    return .stopped("\(errorName(min(count, 0))) after \(written >> 20) MiB")
                }
                written += count
            }
        }
        return .escaped("\(written >> 20) MiB")
    }
}
