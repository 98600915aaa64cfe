import Glibc

/// What the launcher tells sandboxd. `LauncherCommand` lists what answers what. No event carries a descriptor.
package enum LauncherEvent: Sendable, Equatable {
    case policyReady(name: String)
    case policyRefused(name: String, failure: LaunchFailure)
    case auditing
    case auditRefused(failure: LaunchFailure)
    case sealed(ResourceControl)
    /// The command was executed: its process was about to do that at `at` (CLOCK_MONOTONIC, nanoseconds).
    case started(run: UInt64, at: UInt64, stamps: LaunchStamps? = nil)
    /// Its pid 1 was given the command at `at` (CLOCK_MONOTONIC, nanoseconds) and has said nothing for a while: it has no more CPU
    /// time than the command has, whose limits on time hold all the same.
    case handedOver(run: UInt64, at: UInt64)
    /// The run did not come about; nothing of it is left.
    case failed(run: UInt64, failure: LaunchFailure)
    /// The run is over: every process of it has ended or is past its last system call, so that nothing of it changes anything
    /// any more. The launcher reaps and frees what is left behind this.
    case finished(run: UInt64, report: RunReport)
    case sampled(run: UInt64, usage: TreeUsage)
    case pool(PoolReport)
    /// A portion of `PolicyTexts`, of policies that are in force with the next `policiesReplaced`.
    case policyText([UInt8])
    /// Requests of the generation before are taken until `LauncherCommand.adopted`, or for a second.
    case policiesReplaced(generation: UInt32)
    /// All stays as it was.
    case reloadFailed(ReloadFailure, reason: String)

    package static let maximumBytes = 32 << 10

    package var encoded: [UInt8] {
        var writer = BinaryWriter()
        switch self {
        case .policyReady(let name):
            writer.put(UInt8(1))
            writer.put(name)
        case .policyRefused(let name, let failure):
            writer.put(UInt8(2))
            writer.put(name)
            failure.encode(to: &writer)
        case .auditing: writer.put(UInt8(8))
        case .auditRefused(let failure):
            writer.put(UInt8(9))
            failure.encode(to: &writer)
        case .sealed(let resources):
            writer.put(UInt8(3))
            resources.encode(to: &writer)
        case .started(let run, let at, let stamps):
            writer.put(UInt8(4))
            writer.put(run)
            writer.put(at)
            LaunchStamps.encode(stamps, to: &writer)
        case .failed(let run, let failure):
            writer.put(UInt8(5))
            writer.put(run)
            failure.encode(to: &writer)
        case .finished(let run, let report):
            writer.put(UInt8(6))
            writer.put(run)
            report.encode(to: &writer)
        case .sampled(let run, let usage):
            writer.put(UInt8(7))
            writer.put(run)
            usage.encode(to: &writer)
        case .pool(let report):
            writer.put(UInt8(10))
            report.encode(to: &writer)
        case .handedOver(let run, let at):
            writer.put(UInt8(11))
            writer.put(run)
            writer.put(at)
        case .policyText(let bytes):
            writer.put(UInt8(12))
            writer.put(raw: bytes)
        case .policiesReplaced(let generation):
            writer.put(UInt8(13))
            writer.put(generation)
        case .reloadFailed(let failure, let reason):
            writer.put(UInt8(14))
            writer.put(failure.rawValue)
            writer.put(raw: reason.cut(atMost: PolicyReaderMessage.maximumReasonBytes))
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(PlanError) {
        var reader = BinaryReader(bytes)
        switch try reader.integer(UInt8.self) {
        case 1: self = .policyReady(name: try reader.string("policy name"))
        case 2:
            self = .policyRefused(
                name: try reader.string("policy name"), failure: try LaunchFailure(from: &reader))
        case 3: self = .sealed(try ResourceControl(from: &reader))
        case 4:
            self = .started(
                run: try reader.integer(), at: try reader.integer(), stamps: try LaunchStamps.optional(from: &reader))
        case 5: self = .failed(run: try reader.integer(), failure: try LaunchFailure(from: &reader))
        case 6: self = .finished(run: try reader.integer(), report: try RunReport(from: &reader))
        case 7: self = .sampled(run: try reader.integer(), usage: try TreeUsage(from: &reader))
        case 8: self = .auditing
        case 9: self = .auditRefused(failure: try LaunchFailure(from: &reader))
        case 10: self = .pool(try PoolReport(from: &reader))
        case 11: self = .handedOver(run: try reader.integer(), at: try reader.integer())
        case 12: self = .policyText(try reader.raw("text", maximum: PolicyReaderMessage.maximumTextBytes))
        case 13: self = .policiesReplaced(generation: try reader.integer())
        case 14:
            guard let failure = ReloadFailure(rawValue: try reader.integer()) else { throw .badValue("failure") }
            self = .reloadFailed(
                failure, reason: try reader.string("reason", maximum: PolicyReaderMessage.maximumReasonBytes))
        case let other: throw .unknownMessage(other)
        }
        try reader.finish()
    }
}

/// Why policies were not read anew: only the first is for whoever has written them.
package enum ReloadFailure: UInt8, Sendable {
    /// A file is wrong, or a policy that the launcher cannot enforce.
    case policies = 1
    /// They are being read already.
    case busy = 2
    /// Who reads them could not be started, or has ended before it had said all.
    case reader = 3
    /// This launcher was never told how.
    case unsupported = 4
}

/// A step that failed, with the kernel's reason.
package struct LaunchFailure: Error, Sendable, Equatable {
    package var stage: LaunchStage
    /// 0 where no system call failed: the launcher itself refused.
    package var errno: Int32
    /// The object, and for a refusal the reason: "/srv/build", "limit memory is wider than the policy's".
    package var subject: String
    /// What the sandbox refused before.
    package var denials: [KernelDenial]
    /// When it may be of use to ask again; `nil` where nobody knows, or never.
    package var retryAfterMilliseconds: UInt64?

    package init(
        _ stage: LaunchStage, errno: Int32 = 0, _ subject: String = "", denials: [KernelDenial] = [],
        retryAfterMilliseconds: UInt64? = nil
    ) {
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.stage = stage
        self.errno = errno
        self.subject = subject
        self.denials = denials
    }

    /// The engine is fetching the image: it may be there in a while.
    package var isImageToCome: Bool { stage == .containerImage && errno == EINPROGRESS }

    /// A program's name may have 128 KiB. Whoever reads events takes no more than `LauncherEvent.maximumBytes`.
    private static let maximumSubjectBytes = 4096
    /// A day, in milliseconds: who reads it reckons with it in nanoseconds, the launcher with what sandbox-docker says.
    package static let longestRetryAfter: UInt64 = 86_400_000

    func encode(to writer: inout BinaryWriter) {
        writer.put(stage.rawValue)
        writer.put(errno)
        writer.put(raw: subject.cut(atMost: Self.maximumSubjectBytes))
        KernelDenial.encode(denials, to: &writer)
        writer.put(retryAfterMilliseconds)
    }

    init(from reader: inout BinaryReader) throws(PlanError) {
        guard let stage = LaunchStage(rawValue: try reader.integer()) else { throw .badValue("stage") }
        self.stage = stage
        errno = try reader.integer()
        subject = try reader.string("subject", maximum: Self.maximumSubjectBytes)
        denials = try KernelDenial.list(from: &reader)
        retryAfterMilliseconds = try reader.optional("retry after")
        guard retryAfterMilliseconds ?? 0 <= Self.longestRetryAfter else { throw .badValue("retry after") }
    }
}

/// How a run ended and what its tree consumed.
package struct RunReport: Sendable, Equatable {
    package enum Ending: Sendable, Equatable {
        case exited(Int32)
        case signaled(Int32)
        /// pid 1 was killed before the command's end was seen: by `kill`, by the kernel for memory.
        case killed
    }

    package var ending: Ending
    /// CLOCK_MONOTONIC, nanoseconds: the command's execution and the end of its tree.
    package var startedAt: UInt64
    package var endedAt: UInt64
    package var usage: TreeUsage
    package var denials: [KernelDenial]
    /// Which limited file systems had no room left when the command ended.
    package var fullSpaces: FullSpaces
    /// As with `started`: a run can be over before its start was told.
    package var stamps: LaunchStamps?

    package init(
        ending: Ending, startedAt: UInt64, endedAt: UInt64, usage: TreeUsage, denials: [KernelDenial] = [],
        fullSpaces: FullSpaces = [], stamps: LaunchStamps? = nil
    ) {
        self.denials = denials
        self.fullSpaces = fullSpaces
        self.stamps = stamps
        self.ending = ending
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.usage = usage
    }

    func encode(to writer: inout BinaryWriter) {
        switch ending {
        case .exited(let code):
            writer.put(UInt8(0))
            writer.put(code)
        case .signaled(let signal):
            writer.put(UInt8(1))
            writer.put(signal)
        case .killed:
            writer.put(UInt8(2))
            writer.put(Int32(0))
        }
        writer.put(startedAt)
        writer.put(endedAt)
        usage.encode(to: &writer)
        KernelDenial.encode(denials, to: &writer)
        writer.put(fullSpaces.rawValue)
        LaunchStamps.encode(stamps, to: &writer)
    }

    init(from reader: inout BinaryReader) throws(PlanError) {
        let kind = try reader.integer(UInt8.self)
        let value = try reader.integer(Int32.self)
        switch kind {
        case 0: ending = .exited(value)
        case 1: ending = .signaled(value)
        case 2: ending = .killed
        default: throw .badValue("ending")
        }
        startedAt = try reader.integer()
        endedAt = try reader.integer()
        usage = try TreeUsage(from: &reader)
        denials = try KernelDenial.list(from: &reader)
        fullSpaces = FullSpaces(rawValue: try reader.integer())
        stamps = try LaunchStamps.optional(from: &reader)
    }
}
