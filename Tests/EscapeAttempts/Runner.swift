import CEscape
import Glibc

/// Runs attempts one after the other, each in a process of its own with a time limit.
public enum Runner {
    private static let seconds = 60

    /// One line per attempt: name, verdict, detail, between tabs.
    ///
    /// - Parameter isolated: each attempt has mounts and a host name of its own, for runs of root's without a sandbox.
    public static func run(_ attempts: [Attempt], in surroundings: Surroundings, isolated: Bool = false) {
        for attempt in attempts {
            let verdict = run(attempt, surroundings, isolated)
            write("\(attempt.name)\t\(verdict.word)\t\(verdict.detail)\n", to: 1)
        }
    }

    private static func run(_ attempt: Attempt, _ surroundings: Surroundings, _ isolated: Bool) -> Verdict {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return .error("pipe: \(errorName(Int(errno)))") }
        for end in ends { _ = escape_fcntl(end, F_SETFD, Int(FD_CLOEXEC)) }
        let pid = fork()
        guard pid >= 0 else { return .error("fork: \(errorName(Int(errno)))") }
        if pid == 0 {
            setpgid(0, 0)
            close(ends[0])
            if isolated { Isolation.enterNamespaces() }
            let verdict = attempt.body(surroundings)
            write("\(verdict.word)\t\(verdict.detail)\n", to: ends[1])
            _exit(0)
        }
        close(ends[1])
        defer { close(ends[0]) }
        let answer = read(ends[0])
        // Also what it started, and in any case what is still there of it.
        kill(-pid, SIGKILL)
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        guard let answer else { return .error("no answer in \(seconds) s") }
        let parts = answer.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2, let verdict = Verdict(word: parts[0], detail: parts[1]) { return verdict }
        // A filter that ends the process is a refusal as well.
        let signal = escape_ended_by(status)
        return signal == SIGSYS ? .stopped("SIGSYS") : .error("ended by signal \(signal)")
    }

    /// The one before may have taken all processes that there may be, and its last ones are still ending.
    private static func fork() -> Int32 {
        for _ in 0..<200 {
            let pid = escape_fork()
            if pid >= 0 || errno != EAGAIN { return pid }
            usleep(10_000)
        }
        return -1
    }

    /// One line, or what there is until the end of the pipe: what the attempt started may still hold its other end.
    /// `nil` when that takes too long.
    private static func read(_ descriptor: Int32) -> String? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        let deadline = time(nil) + seconds
        while true {
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard Glibc.poll(&poll, 1, Int32(max(0, deadline - time(nil)) * 1000)) > 0 else { return nil }
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            bytes += chunk.prefix(max(0, count))
            if count <= 0 || bytes.last == UInt8(ascii: "\n") {
                return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
            }
        }
    }

    private static func write(_ text: String, to descriptor: Int32) {
        let line = text.replacingNewlines
        _ = line.withCString { Glibc.write(descriptor, $0, strlen($0)) }
    }
}

extension String {
    /// A detail is one line; the one at the end stays.
    fileprivate var replacingNewlines: String {
        let end = hasSuffix("\n") ? "\n" : ""
        return dropLast(end.count).split(separator: "\n").joined(separator: " ") + end
    }
}
