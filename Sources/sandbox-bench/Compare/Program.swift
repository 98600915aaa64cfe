import ArgumentParser
import Glibc
import LinuxSystem

/// A program that is started as agents start programs: posix_spawn(3).
struct Program: Sendable {
    var path: String
    /// With the program's own name.
    var argv: [String]
    var environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]

    /// Descriptors for 0, 1 and 2; `nil` is /dev/null.
    struct Streams {
        var input: Int32?
        var output: Int32?
        var errors: Int32?
    }

    init(_ path: String, _ arguments: [String] = []) {
        self.path = path
        argv = [path] + arguments
    }

    func spawn(_ streams: Streams = Streams()) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in [streams.input, streams.output, streams.errors].enumerated() {
            if let descriptor {
                posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
            } else {
                posix_spawn_file_actions_addopen(&actions, Int32(number), "/dev/null", O_RDWR, 0)
            }
        }
        // As a program expects them: this thread blocks signals, and children would wait for SIGCHLD in vain.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        var arguments = argv.map { strdup($0) } + [nil]
        var variables = environment.map { strdup($0) } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, path, &actions, &attributes, &arguments, &variables)
        guard failure == 0 else { throw SystemError("start", path, errno: failure) }
        return pid
    }

    /// Starts it and waits for its end: how long that took, in nanoseconds. Throws unless it ends with status 0.
    @discardableResult func run(_ streams: Streams = Streams()) throws -> UInt64 {
        let start = monotonicNanoseconds()
        let status = Self.wait(for: try spawn(streams))
        let time = monotonicNanoseconds() - start
        guard status == 0 else { throw ProgramFailure(path: path, status: status) }
        return time
    }

    /// Starts it and waits for its success, but not for ever: then it is killed.
    func tryOut(_ streams: Streams, seconds: Int) throws {
        let pid = try spawn(streams)
        var status: Int32 = 0
        for _ in 0..<seconds * 100 {
            if waitpid(pid, &status, WNOHANG) == pid {
                guard status == 0 else { throw ProgramFailure(path: path, status: status) }
                return
            }
            usleep(10_000)
        }
        kill(pid, SIGKILL)
        Self.wait(for: pid)
        throw SystemError("wait \(seconds) s for the end of", path, errno: ETIMEDOUT)
    }

    /// The status of wait(2).
    @discardableResult static func wait(for pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return status
    }

    /// The yardstick of everything: nothing but fork, exec and exit of the smallest program.
    static let yardstick = Program("/bin/true")
}

struct ProgramFailure: Error, CustomStringConvertible {
    var path: String
    var status: Int32

    var description: String {
        let signal = status & 0x7f
        return "\(path) ended with " + (signal == 0 ? "status \(status >> 8 & 0xff)" : "signal \(signal)")
    }
}
