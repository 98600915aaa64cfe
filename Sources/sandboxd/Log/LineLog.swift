import Glibc
import Logging
import SandboxEngine

/// One line per event on standard error, `sandboxd: level: message key=value ...`.
struct LineLog: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    let sink: LineSink

    init(level: Logger.Level, sink: LineSink) {
        logLevel = level
        self.sink = sink
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        sink.write(event.level, LoggedText.line(event.message, LoggedText.metadata(event, over: metadata)))
    }
}

/// One `write(2)`, so that lines of several threads do not mix, for as long as it takes: before there is a client. A log that
/// cannot be written is not worth ending for.
func writeLine(_ line: String) {
    var text = line + "\n"
    text.withUTF8 { buffer in _ = write(STDERR_FILENO, buffer.baseAddress, buffer.count) }
}
