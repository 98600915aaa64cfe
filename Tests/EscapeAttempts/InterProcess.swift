import CEscape
import Glibc

extension Attempt {
    /// What processes share beside files.
    static let interProcess: [Attempt] = [
        Attempt("shm-of-host", "ipc namespaces", "attach the host's System V segment by its key") { host in
            let id = call(__NR_shmget, host.key, 0, 0)
            if id < 0 { return .stopped(errorName(id)) }
            let mapped = call(__NR_shmat, id, 0, 0o10000)
            guard mapped > 0 else { return .stopped(errorName(mapped)) }
            return .escaped(String(cString: UnsafePointer<CChar>(bitPattern: mapped)!))
        },
        Attempt("message-queue-of-host", "ipc namespaces", "the host's System V queue by its key") { host in
            mustFail(call(__NR_msgget, host.key, 0))
        },
        Attempt("semaphore-of-host", "ipc namespaces", "the host's System V semaphore by its key") { host in
            mustFail(call(__NR_semget, host.key, 0, 0))
        },
        Attempt("segments-of-host", "ipc namespaces", "the host's segments in /proc/sysvipc/shm") { _ in
            let lines = (readFile("/proc/sysvipc/shm") ?? "").split(separator: "\n")
            return lines.count < 2 ? .stopped("none") : .escaped("\(lines.count - 1) segments")
        },
        Attempt("posix-queue-of-host", "ipc namespaces", "the host's POSIX queue by its name") { host in
            mustFail(call(__NR_mq_open, text(host.name), Int(O_RDONLY), 0, 0))
        },
        Attempt("dev-shm-of-host", "isolate 2.6", "the host's file in /dev/shm") { host in
            readsSecret("/dev/shm/\(host.name)")
        },
        Attempt("add-key", "isolate 2.4: keyrings", "add_key(2), a key in the user's keyring") { _ in
            mustBeRefused(call(__NR_add_key, text("user"), text("escape"), text("x"), 1, -3))
        },
        Attempt("request-key", "isolate 2.4: keyrings", "request_key(2)") { _ in
            mustBeRefused(call(__NR_request_key, text("user"), text("escape-none"), 0, 0))
        },
        Attempt("keyctl-search", "isolate 2.4: keyrings", "look for the host's key: keyctl(KEYCTL_SEARCH)") { host in
            mustBeRefused(call(__NR_keyctl, 10, -4, text("user"), text(host.name), 0))
        },
        Attempt("keyctl-join-session", "isolate 2.4: keyrings", "keyctl(KEYCTL_JOIN_SESSION_KEYRING)") { _ in
            mustBeRefused(call(__NR_keyctl, 1, 0, 0, 0, 0))
        },
        Attempt("keyctl-persistent", "isolate 2.4: keyrings", "keyctl(KEYCTL_GET_PERSISTENT), which outlives processes")
        {
            _ in mustBeRefused(call(__NR_keyctl, 22, -1, -3, 0, 0))
        },
        Attempt("memory-lock-of-all", "limits", "mlockall(2) and keep what the host would swap") { _ in
            let limit = memory(16)
            _ = call(__NR_prlimit64, 0, 8, 0, address(limit))
            let bytes = limit.load(as: UInt64.self)
            return bytes <= 8 << 20 ? .stopped("\(bytes >> 10) KiB at most") : .escaped("\(bytes) bytes")
        }.heldAnyway("8 MiB is also what an ordinary user has"),
    ]

}
