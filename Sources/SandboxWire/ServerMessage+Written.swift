import SandboxModel

/// The messages that every run sends, written out: what `Codable` makes of them takes a tenth of what sandboxd does for a run.
extension ServerMessage {
    /// The same bytes as by `Codable`, which a test holds it to; `nil` for what is left to that.
    var written: [UInt8]? {
        var line = JSONLine()
        return write(to: &line) ? line.withBytes { Array($0) } : nil
    }

    /// Appends it, and says whether this was one of them; where not, nothing was appended.
    func write(to line: inout JSONLine) -> Bool {
        let start = line.count
        switch self {
        case .started(let channel):
            line.object {
                $0.member("channel", channel)
                $0.member("type", "started")
            }
        case .accepted(let channel, let id, let window):
            line.object {
                $0.member("channel", channel)
                $0.member("id", id)
                $0.member("stdin_window", window)
                $0.member("type", "accepted")
            }
        case .result(let channel, let result) where result.isPlain:
            line.object {
                $0.member("channel", channel)
                $0.object("result") { result.write(to: &$0) }
                $0.member("type", "result")
            }
        default: return false
        }
        guard line.isWrong else { return true }
        line.cut(to: start)
        return false
    }
}

/// Control frames behind each other, as they are written to a socket.
package struct ControlFrames: ~Copyable {
    private var line = JSONLine()

    package init() {}

    package var count: Int { line.count }

    package func withBytes<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value { line.withBytes(body) }

    /// Appends a message's frame.
    ///
    /// - Parameter instead: what is sent in place of a message of too many bytes.
    /// - Throws: as `ControlCoding.frame`; nothing is appended then.
    package mutating func append(
        _ message: ServerMessage, instead: (_ bytes: Int) -> ServerMessage
    ) throws(WireError) {
        let start = line.count
        try appendFrame(message)
        let bytes = line.count - start - Frame.headerBytes
        // Of everything that is sent, a list of very many runs alone could be as large.
        guard bytes > Frame.maximumControlBytes else { return }
        line.cut(to: start)
        try appendFrame(instead(bytes))
    }

    private mutating func appendFrame(_ message: ServerMessage) throws(WireError) {
        let start = line.count
        line.appendZeros(Frame.headerBytes)
        if !message.write(to: &line) {
            do throws(WireError) {
                append(try ControlCoding.json(message))
            } catch {
                line.cut(to: start)
                throw error
            }
        }
        Frame.withHeader(.control, payloadBytes: line.count - start - Frame.headerBytes) {
            line.replace(at: start, with: $0)
        }
    }

    private mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { line.append($0) } }
}

extension RunResult {
    /// Nothing happened that only some runs tell of.
    fileprivate var isPlain: Bool { denials.isEmpty && limitsHit.isEmpty && trace == nil && weaker == nil }

    fileprivate func write(to line: inout JSONLine) {
        line.member("backend", backend)
        line.emptyList("denials")
        line.member("id", id)
        line.object("limits") { limits.write(to: &$0) }
        line.emptyList("limits_hit")
        line.object("outcome") { outcome.write(to: &$0) }
        line.member("policy", policy)
        line.object("usage") { usage.write(to: &$0) }
    }
}

extension Outcome {
    fileprivate func write(to line: inout JSONLine) {
        line.member("code", code)
        line.member("limit", limit)
        line.member("message", message)
        line.member("observed", observed)
        line.member("reason", reason.rawValue)
        line.member("signal", signal)
    }
}

extension Usage {
    fileprivate func write(to line: inout JSONLine) {
        line.member("context_switches", contextSwitches)
        line.member("memory_peak_bytes", memoryPeakBytes)
        line.member("processes_peak", processesPeak)
        line.member("queue_ms", queueMilliseconds)
        line.member("read_bytes", readBytes)
        line.member("start_ms", startMilliseconds)
        line.member("stderr_bytes", stderrBytes)
        line.member("stderr_truncated", stderrTruncated)
        line.member("stdout_bytes", stdoutBytes)
        line.member("stdout_truncated", stdoutTruncated)
        line.member("system_ms", systemMilliseconds)
        line.member("throttled_ms", throttledMilliseconds)
        line.member("user_ms", userMilliseconds)
        line.member("wall_ms", wallMilliseconds)
        line.member("write_bytes", writeBytes)
    }
}

extension Limits {
    fileprivate func write(to line: inout JSONLine) {
        line.member("cpu_ms", cpuMilliseconds)
        line.member("cpus", cpus)
        line.member("file_size_bytes", fileSizeBytes)
        line.member("grace_ms", graceMilliseconds)
        line.member("idle_ms", idleMilliseconds)
        line.member("memory_bytes", memoryBytes)
        line.member("open_files", openFiles)
        line.member("output_bytes", outputBytes)
        line.member("processes", processes)
        line.member("read_bytes_per_second", readBytesPerSecond)
        line.member("stderr_bytes", stderrBytes)
        line.member("stdout_bytes", stdoutBytes)
        line.member("swap_bytes", swapBytes)
        line.member("tmp_bytes", tmpBytes)
        line.member("wall_ms", wallMilliseconds)
        line.member("workspace_bytes", workspaceBytes)
        line.member("workspace_inodes", workspaceInodes)
        line.member("write_bytes_per_second", writeBytesPerSecond)
    }
}
