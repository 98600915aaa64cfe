import Glibc
package import LinuxSystem

/// The programs that were built together with the tests.
package enum BuiltProducts {
    /// The directory of this test run's products, beside the test bundle; or `SANDBOX_PRODUCTS`, to test programs that
    /// were built in another way: an optimizing compiler makes mistakes of its own.
    package static let directory: String = {
        if let chosen = getenv("SANDBOX_PRODUCTS"), let path = realpath(chosen, nil) {
            defer { free(path) }
            return String(cString: path)
        }
        return beside
    }()

    /// Where the test bundle is.
    private static let beside: String = {
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = max(0, readlink("/proc/self/exe", &buffer, 4096))
        let own = String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return own.lastIndex(of: "/").map { String(own[..<$0]) } ?? "."
    }()

    /// A program that is a part of the tests: always the one that was built with them.
    package static func testPath(_ product: String) -> String { "\(beside)/\(product)" }

    package static func path(_ product: String) -> String { "\(directory)/\(product)" }
}

/// A program started by a test, with its own descriptors and nothing of the test's.
package struct StartedProgram: Sendable {
    package let pid: Int32

    /// - Parameters:
    ///   - descriptors: what becomes 0, 1, 2, 3... in the child.
    ///   - newSession: starts it as a sandbox starts its command: leader of a session without a terminal, no signal
    ///     ignored or blocked.
    package init(
        _ arguments: [String], environment: [String] = ["PATH=/usr/bin:/bin"], descriptors: [Int32],
        newSession: Bool = false
    ) throws(SystemError) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Duplicates that are out of the way, so that one move does not close the next one's source.
        let duplicates = descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, 200) }
        defer { for duplicate in duplicates { close(duplicate) } }
        for (target, duplicate) in duplicates.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, duplicate, Int32(target))
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        // POSIX_SPAWN_SETSID, which Swift's Glibc does not show.
        let session = 0x80 | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        posix_spawnattr_setflags(&attributes, Int16(newSession ? session : POSIX_SPAWN_SETPGROUP))
        var pid: pid_t = 0
        var argv = arguments.map { strdup($0) } + [nil]
        var envp = environment.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        let result = posix_spawn(&pid, arguments[0], &actions, &attributes, &argv, &envp)
        guard result == 0 else { throw SystemError("start", arguments[0], errno: result) }
        self.pid = pid
    }

    /// Waits for the end: the exit status, or 128 and the signal.
    @discardableResult
    package func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f)
    }
}
