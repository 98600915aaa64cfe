import CEscape
import Glibc

extension Attempt {
    static let descriptors: [Attempt] = [
        Attempt("open-by-handle", "open_by_handle_at(2), shocker", "open a file by number, past every mount") { _ in
            mustBeRefused(call(__NR_open_by_handle_at, currentDirectory, badAddress, 0))
        },
        Attempt("root-by-handle", "open_by_handle_at(2), shocker", "inode 2 of the workspace's file system: its root") {
            _ in
            // struct file_handle of ext4 (type 1): 8 bytes, inode 2, generation 0.
            let handle = memory(16)
            handle.storeBytes(of: 8, as: UInt32.self)
            handle.storeBytes(of: 1, toByteOffset: 4, as: UInt32.self)
            handle.storeBytes(of: 2, toByteOffset: 8, as: UInt32.self)
            return mustFail(call(__NR_open_by_handle_at, openFile("."), address(handle), 0))
        },
        Attempt("name-to-handle", "open_by_handle_at(2)", "the number of a file: name_to_handle_at(2)") { _ in
            mustBeRefused(call(__NR_name_to_handle_at, currentDirectory, text("."), badAddress, badAddress, 0))
        },
        Attempt("stdin-reopened", "/proc/self/fd", "open the caller's standard input for writing") { _ in
            reopened(0, O_WRONLY)
        }.heldAnyway("tests are started with /dev/null there"),
        Attempt("stdout-reopened", "/proc/self/fd", "open the output's pipe for reading, to take what others wrote") {
            _ in
            // The descriptor of the probe's own standard output, where the daemon reads.
            reopened(1, O_RDONLY)
        },
        Attempt("stdout-mode", "pipes", "give the output's pipe to everybody: fchmod(2)") { _ in
            mustFail(call(__NR_fchmod, 1, 0o666))
        },
        Attempt("path-descriptor-reopened", "O_PATH", "an O_PATH descriptor of a read-only file, opened for writing") {
            _ in
            let path = openFile("/usr/lib/os-release", oPath)
            return mustNotOpen("/proc/self/fd/\(path)", O_WRONLY)
        },
        Attempt("path-descriptor-mode", "O_PATH", "chmod(2) of a read-only file through /proc/self/fd") { _ in
            let path = openFile("/usr/lib/os-release", oPath)
            let result = call(__NR_fchmodat, currentDirectory, text("/proc/self/fd/\(path)"), 0o644)
            return mustFail(result)
        },
        Attempt("walk-up", "path walk", "the secret by forty times ..") { host in
            readsSecret(String(repeating: "../", count: 40) + host.secretFile.dropFirst())
        },
        Attempt("walk-up-by-descriptor", "path walk", "the same from a descriptor of the root") { host in
            let root = openFile("/..", oPath)
            let file = call(__NR_openat, root, text("../.." + host.secretFile), 0, 0)
            return file < 0 ? .stopped(errorName(file)) : .escaped(readAll(file))
        },
        Attempt("openat2-in-root", "openat2(2)", "the secret with RESOLVE_IN_ROOT of the root's parent") { host in
            let how = memory(24)
            let root = openFile("/", oPath)
            let file = call(437, root, text(String(host.secretFile.dropFirst())), address(how), 24)
            return file < 0 ? .stopped(errorName(file)) : .escaped(readAll(file))
        },
        Attempt("secret-by-path", "file system", "the secret by its path") { host in readsSecret(host.secretFile) },
        Attempt("secret-by-link", "CVE-2018-15664", "the secret through a link in the workspace") { host in
            unlink("secret-link")
            _ = call(__NR_symlinkat, text(host.secretFile), currentDirectory, text("secret-link"))
            return readsSecret("secret-link")
        },
        Attempt("hard-link-to-secret", "hard links", "a hard link to the secret in the workspace") { host in
            mustFail(linked(host.secretFile))
        },
        Attempt("hard-link-to-system-file", "hard links", "a hard link to a file of /usr in the workspace") { _ in
            mustFail(linked("/usr/lib/os-release"))
        },
        Attempt("host-accounts", "file system", "password hashes") { _ in mustNotOpen("/etc/shadow") },
        Attempt("host-homes", "file system", "an entry of /root, /home, /var, /srv, /opt or /mnt") { _ in
            any(
                ["root", "home", "var", "srv", "opt", "mnt", "boot", "run"].map { name in
                    let directory = openFile("/\(name)", O_RDONLY | O_DIRECTORY)
                    let count = call(__NR_getdents64, directory, address(memory(8192)), 8192)
                    return count > 48 ? .escaped("/\(name)") : .stopped(errorName(min(directory, count)))
                })
        },
        Attempt("daemon-environment", "environment", "a variable of the daemon's") { _ in
            // Planted by the tests where a probe could inherit it.
            let variables = (readFile("/proc/self/environ") ?? "").split(separator: "\0")
            let found = variables.first { $0.hasPrefix("ESCAPE_DAEMON_SECRET=") }
            return found.map { .escaped(String($0)) } ?? .stopped("\(variables.count) variables, none of it")
        },
    ]

    private static func reopened(_ descriptor: Int32, _ flags: Int32) -> Verdict {
        let verdict = mustNotOpen("/proc/self/fd/\(descriptor)", flags | O_NONBLOCK)
        return verdict
    }

    private static func linked(_ path: String) -> Int {
        unlink("hard-link")
        let file = openFile(path, oPath)
        let result = call(
            __NR_linkat, currentDirectory, text("/proc/self/fd/\(file)"), currentDirectory, text("hard-link"), 0x400)
        let plain =
            result < 0
            ? call(__NR_linkat, currentDirectory, text(path), currentDirectory, text("hard-link"), 0) : result
        unlink("hard-link")
        return plain
    }

}
