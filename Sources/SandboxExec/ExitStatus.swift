package import SandboxModel

/// What `sandboxctl exec` exits with, for scripts (DESIGN 5).
package enum ExitStatus {
    static let timeout: Int32 = 124
    /// sandboxd or sandboxctl failed; also a usage error.
    package static let serviceFailed: Int32 = 125
    static let denied: Int32 = 126
    static let notFound: Int32 = 127
    static let cancelled: Int32 = signal(2)
    static let memoryLimit: Int32 = signal(9)
    /// As of a command that wrote to a closed pipe.
    static let outputLimit: Int32 = signal(13)
    static let fileSizeLimit: Int32 = signal(25)

    package static func signal(_ number: Int32) -> Int32 { 128 + number }

    static func of(_ outcome: Outcome) -> Int32 {
        switch outcome.reason {
        case .exited: outcome.code ?? serviceFailed
        case .signaled: outcome.signal.map(signal) ?? serviceFailed
        case .wallTimeout, .cpuTimeout, .idleTimeout: timeout
        case .memoryLimit: memoryLimit
        case .outputLimit: outputLimit
        case .fileSizeLimit: fileSizeLimit
        case .denied: denied
        case .cancelled: cancelled
        case .clientGone, .lost: serviceFailed
        }
    }

    package static func of(_ error: ServiceError) -> Int32 {
        switch error.code {
        case .programNotFound: notFound
        case .programNotExecutable, .denied: denied
        default: serviceFailed
        }
    }
}

/// The one line that says why a run ended otherwise than its command wanted.
enum OutcomeLine {
    /// `nil` when the command ended by itself and well, or met no limit and no refusal.
    static func of(_ result: RunResult) -> String? {
        let outcome = result.outcome
        switch outcome.reason {
        case .exited:
            guard outcome.code != 0 else { return nil }
            let parts = [fileSize(result), limits(result.limitsHit), refusals(result.denials)].compactMap { $0 }
            return parts.isEmpty ? nil : parts.joined(separator: "; ")
        case .denied:
            // What was refused last is what ended it.
            guard let denial = result.denials.last else { return "denied: \(outcome.message)" }
            let hint = denial.hint.map { "; \($0)" } ?? ""
            let rule = isPart(denial.rule, of: outcome.message) ? "" : " [\(denial.rule)]"
            return "denied: \(outcome.message)\(rule)\(hint)"
        case .signaled:
            let line = "signaled: \(outcome.message)"
            return refusals(result.denials).map { "\(line); \($0)" } ?? line
        case .wallTimeout, .cpuTimeout, .idleTimeout, .memoryLimit, .outputLimit, .fileSizeLimit, .cancelled,
            .clientGone, .lost:
            return "\(outcome.reason.rawValue): \(outcome.message)"
        }
    }

    /// A shell passes the signal of what it started on as a status: SIGXFSZ is not seen then.
    private static func fileSize(_ result: RunResult) -> String? {
        guard result.outcome.code == ExitStatus.fileSizeLimit, let limit = result.limits.fileSizeBytes else {
            return nil
        }
        return "status 153 is what SIGXFSZ gives: limits.file-size is \(ByteCount.describe(limit))"
    }

    private static func limits(_ hits: [LimitHit]) -> String? {
        if hits.isEmpty { return nil }
        let each = hits.map { hit in
            if hit.limit == "processes" { return "processes (limit \(hit.value), met \(times(hit.count)))" }
            // A file system without room: how much it has. How often it had none is counted by nobody.
            let value = hit.limit.hasSuffix("-inodes") ? "\(hit.value) files" : ByteCount.describe(hit.value)
            return "\(hit.limit) (limit \(value), full when the command ended)"
        }
        return "limits were met: \(each.joined(separator: ", "))"
    }

    /// `String.contains(_: String)` would link all of Swift's regular expressions.
    private static func isPart(_ part: String, of text: String) -> Bool {
        text.utf8.indices.contains { text.utf8[$0...].starts(with: part.utf8) }
    }

    private static func times(_ count: UInt64?) -> String { count.map { $0 == 1 ? "once" : "\($0) times" } ?? "" }

    /// What the sandbox refused may be why the command failed, or not: it is said, not concluded.
    private static func refusals(_ denials: [Denial]) -> String? {
        guard let first = denials.first else { return nil }
        let more = denials.count > 1 ? " (and \(denials.count - 1) more, see --report)" : ""
        return "refused meanwhile: \(first.hint ?? "\(first.subject) [\(first.rule)]")\(more)"
    }
}
