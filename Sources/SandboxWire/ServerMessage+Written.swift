import SandboxModel

/// The messages that every run sends, written out: what `Codable` makes of them takes a tenth of what sandboxd does for a run.
extension ServerMessage {
    /// The same bytes as by `Codable`, which a test holds it to; `nil` for what is left to that.
    var written: [UInt8]? {
        switch self {
        case .started(let channel):
            line {
                $0.member("channel", channel)
                $0.member("type", "started")
            }
        case .accepted(let channel, let id, let window):
            line {
                $0.member("channel", channel)
                $0.member("id", id)
                $0.member("stdin_window", window)
                $0.member("type", "accepted")
            }
        case .result(let channel, let result) where result.isPlain:
            line {
                $0.member("channel", channel)
                $0.object("result", result.write)
                $0.member("type", "result")
            }
        default: nil
        }
    }

    private func line(_ members: (inout JSONLine) -> Void) -> [UInt8]? {
        var line = JSONLine()
        line.object(nil, members)
        return line.isWrong ? nil : line.bytes
    }
}

extension RunResult {
    /// Nothing happened that only some runs tell of.
    fileprivate var isPlain: Bool { denials.isEmpty && limitsHit.isEmpty && trace == nil && weaker == nil }

    fileprivate func write(_ line: inout JSONLine) {
        line.member("backend", backend)
        line.emptyList("denials")
        line.member("id", id)
        line.object("limits", limits.write)
        line.emptyList("limits_hit")
        line.object("outcome", outcome.write)
        line.member("policy", policy)
        line.object("usage", usage.write)
    }
}

extension Outcome {
    fileprivate func write(_ line: inout JSONLine) {
        line.member("code", code)
        line.member("limit", limit)
        line.member("message", message)
        line.member("observed", observed)
        line.member("reason", reason.rawValue)
        line.member("signal", signal)
    }
}

extension Usage {
    fileprivate func write(_ line: inout JSONLine) {
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
    fileprivate func write(_ line: inout JSONLine) {
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
