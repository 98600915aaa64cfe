public import SandboxModel

/// A run that has ended: how, and what it wrote.
public struct RunOutput: Sendable, Equatable {
    public var result: RunResult
    public var standardOutput: [UInt8] = []
    public var standardError: [UInt8] = []
    /// The command wrote more than was captured; the rest was read and dropped.
    public var isStandardOutputTruncated = false
    public var isStandardErrorTruncated = false
    /// Bytes that `keep` left out: they were behind the first `keep.stdout.headBytes` bytes of `standardOutput`, and what
    /// follows there is the tail.
    public var omittedOutput: UInt64 = 0
    /// The same of `standardError`.
    public var omittedErrors: UInt64 = 0

    /// `standardOutput` as text; bytes that are not UTF-8 become U+FFFD.
    public var outputText: String { String(decoding: standardOutput, as: UTF8.self) }
    /// `standardError` as text; bytes that are not UTF-8 become U+FFFD.
    public var errorText: String { String(decoding: standardError, as: UTF8.self) }
    /// The command ended by itself with status 0.
    public var isSuccess: Bool { result.outcome.reason == .exited && result.outcome.code == 0 }
}

/// The first bytes of what is carried of a stream, and whether there were more.
struct Capture {
    private(set) var bytes: [UInt8] = []
    private(set) var isTruncated = false
    /// Bytes that were not carried.
    private(set) var omitted: UInt64 = 0
    let maximumBytes: Int

    mutating func append(_ more: [UInt8]) {
        let room = max(0, maximumBytes - bytes.count)
        bytes.append(contentsOf: more.prefix(room))
        if more.count > room { isTruncated = true }
    }

    mutating func omit(_ count: UInt64) {
        let (sum, overflow) = omitted.addingReportingOverflow(count)
        omitted = overflow ? .max : sum
        isTruncated = true
    }
}
