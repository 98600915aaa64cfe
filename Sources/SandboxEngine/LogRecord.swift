package import Logging

/// Records that programs look for, by what they say. Each has an id of its own, by which a journal finds it
/// (`MESSAGE_ID`, `journalctl MESSAGE_ID=...`); `Sources/sandboxd/Records.md` has them in a table, with their fields. An id never
/// changes, and is never used for something else.
package enum LogRecord: String, CaseIterable, Sendable {
    case serving
    case stopping
    case policiesLoaded = "policies loaded"
    case policiesReloaded = "policies reloaded"
    case policiesNotReloaded = "policies not reloaded"
    case policyVerified = "policy verified"
    case policyNotServed = "policy not served: its confinement does not hold"
    case runEnded = "run ended"
    case runRefused = "run refused"
    case launcherGone = "launcher gone"
    case recordsDropped = "records dropped"

    package var identifier: String {
        switch self {
        case .serving: "3eab14906eee1a1a7579ee970c5c9cd1"
        case .stopping: "f29371584a3e08d605be4834d4ae3897"
        case .policiesLoaded: "e6b851fc14a0243806de3ac271225e68"
        case .policiesReloaded: "8fa9b95597136596a64f4d34c4af3e3c"
        case .policiesNotReloaded: "0b379f9e973ec677d776bf7ded65c7b5"
        case .policyVerified: "f59307c259c59a22ebe3afb78a9fb298"
        case .policyNotServed: "ba75ed8714f953f286b1f20234ae23ba"
        case .runEnded: "9cf0f8ee04133c9aeaeab249cc2775cf"
        case .runRefused: "8be3a227d686089984c7890d213bd42b"
        case .launcherGone: "16a132068721d7066e1dcea267416942"
        case .recordsDropped: "73b38aec05c73d67e3508a1601410ed3"
        }
    }

    /// The record that a logged message is.
    package init?(_ message: Logger.Message) { self.init(rawValue: "\(message)") }
}

extension Logger {
    package func note(_ record: LogRecord, _ metadata: @autoclosure () -> Metadata, at level: Level = .info) {
        log(level: level, "\(record.rawValue)", metadata: metadata())
    }
}
