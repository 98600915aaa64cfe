/// The limits that a request can narrow, with what each accepts: for the daemon, which holds requests to a policy, and for
/// command lines, which refuse what no policy could allow.
package enum RequestLimit: String, CaseIterable, Sendable {
    case memory, swap, cpus, processes
    case openFiles = "open-files"
    case fileSize = "file-size"
    case output, stdout, stderr, tmp
    case workspaceSize = "workspace-size"
    case workspaceInodes = "workspace-inodes"
    case readRate = "read-rate"
    case writeRate = "write-rate"
    case timeout
    case cpuTime = "cpu-time"
    case idle, grace

    /// "memory", "workspace-size": what messages and options call it.
    package var name: String { rawValue }

    /// The unit of `Limits`, and the range of amounts that some policy could allow. `cpus` comes in thousandths of a core.
    package var kind: AmountKind {
        switch self {
        // A tmpfs of size 0 has no bound, so there is no way to write 0 here.
        case .tmp, .workspaceSize: .bytes(4096...Self.mostBytes)
        // The workspace itself is one of them.
        case .workspaceInodes: .count(2...4_294_967_295)
        case .memory: .bytes(1 << 20...Self.mostBytes)
        case .swap: .bytes(0...Self.mostBytes)
        case .cpus: .cores
        case .processes: .count(1...4_194_304)
        case .openFiles: .count(8...1_048_576)
        case .fileSize, .output, .stdout, .stderr: .bytes(1...Self.mostBytes)
        case .timeout, .cpuTime, .idle: .duration(TimeSpan.accepted)
        case .grace: .duration(0...300_000)
        // Nothing can end a process that waits for a disk before its page has come: at this rate, with 128 KiB read ahead,
        // that takes two seconds.
        case .readRate, .writeRate: .rate(64 << 10...Self.mostBytes)
        }
    }

    private static let mostBytes = ByteCount.accepted.upperBound

    /// Where a request has it; `nil` for `cpus`, the only one that is no whole number.
    package var field: WritableKeyPath<Limits, UInt64?>? {
        switch self {
        case .memory: \.memoryBytes
        case .swap: \.swapBytes
        case .cpus: nil
        case .processes: \.processes
        case .openFiles: \.openFiles
        case .fileSize: \.fileSizeBytes
        case .output: \.outputBytes
        case .stdout: \.stdoutBytes
        case .stderr: \.stderrBytes
        case .tmp: \.tmpBytes
        case .workspaceSize: \.workspaceBytes
        case .workspaceInodes: \.workspaceInodes
        case .readRate: \.readBytesPerSecond
        case .writeRate: \.writeBytesPerSecond
        case .timeout: \.wallMilliseconds
        case .cpuTime: \.cpuMilliseconds
        case .idle: \.idleMilliseconds
        case .grace: \.graceMilliseconds
        }
    }

    /// The amount that a text says, written as in a policy.
    ///
    /// - Throws: what is wrong with the text, and the range of amounts that some policy could allow.
    package func parse(_ text: String) throws(QuantityError) -> UInt64 { try kind.parse(text) }
}

extension Limits {
    /// Sets one to an amount in the unit of its `kind`.
    package mutating func set(_ limit: RequestLimit, to amount: UInt64) {
        if let field = limit.field { self[keyPath: field] = amount } else { cpus = Double(amount) / 1000 }
    }
}
