import Glibc
import Logging
import SandboxEngine

/// One line per event on standard error, `level message key=value ...`; a journal adds time and process.
struct LineLog: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = "sandboxd: \(event.level.rawValue): \("\(event.message)".shown)"
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\("\(value)".shown)" }
        writeLine(line)
    }
}

/// One `write(2)`, so that lines of several threads do not mix. A log that cannot be written is not worth ending for.
func writeLine(_ line: String) {
    var text = line + "\n"
    text.withUTF8 { buffer in _ = write(STDERR_FILENO, buffer.baseAddress, buffer.count) }
}
