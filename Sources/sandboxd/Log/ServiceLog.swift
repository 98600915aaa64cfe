import Glibc
import LinuxSystem
import Logging

/// Where this daemon's records go.
enum ServiceLog {
    private static let journal = "/run/systemd/journal/socket"

    /// The journal, where standard error is its; else standard error. Called while this process is root.
    static func make(_ options: StartUpOptions, level: Logger.Level) throws(StartUpError) -> Logger {
        let lines = LineSink()
        var path = options.journalSocket
        // What a daemon for one call says is its caller's.
        if path == nil, options.connection == nil, isJournal(STDERR_FILENO, environment("JOURNAL_STREAM")) {
            path = journal
        }
        guard let path else { return logger { LineLog(level: level, sink: lines) } }
        let sink: JournalSink
        do throws(SystemError) {
            sink = try JournalSink(path: path, fallback: lines)
        } catch {
            guard options.journalSocket == nil else { throw StartUpError(.unavailable, "\(error)") }
            writeLine("sandboxd: warning: \(error); records are lines on standard error")
            return logger { LineLog(level: level, sink: lines) }
        }
        return logger { JournalLog(level: level, sink: sink) }
    }

    private static func logger(_ make: @escaping () -> any LogHandler) -> Logger {
        Logger(label: "sandboxd") { _ in make() }
    }

    private static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Whether a descriptor is the stream that a service manager connected to the journal, `systemd.exec(5)`: the variable may
    /// be older than the descriptor.
    static func isJournal(_ descriptor: Int32, _ stream: String?) -> Bool {
        let numbers = stream?.split(separator: ":", omittingEmptySubsequences: false) ?? []
        var status = stat()
        guard numbers.count == 2, let device = UInt64(numbers[0]), let inode = UInt64(numbers[1]),
            fstat(descriptor, &status) == 0
        else { return false }
        return UInt64(status.st_dev) == device && UInt64(status.st_ino) == inode
    }
}
