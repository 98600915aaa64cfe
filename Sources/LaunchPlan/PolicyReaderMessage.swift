/// What a reader of policies says to the launcher that has started it, as root, for a reload. Each is one message on the
/// SOCK_SEQPACKET socket between them.
///
///     policy(P)    -> `LauncherEvent.policyReady` or `policyRefused`, which the reader waits for
///     text(bytes)  -> nothing; a portion of `PolicyTexts`, for sandboxd, whom the launcher does not understand here
///     complete     -> nothing; the new policies are in force from then on
///     refused(why) -> nothing; all stays as it was
package enum PolicyReaderMessage: Sendable, Equatable {
    case policy(CompiledPolicy)
    case text([UInt8])
    case complete
    /// For whoever asked for the reload: what is wrong, at `file:line:column`.
    case refused(String)

    /// Of one portion. It fits into a `LauncherEvent`.
    package static let maximumTextBytes = 24 << 10
    /// Of all portions together.
    package static let maximumTextsBytes = 8 << 20
    /// What is wrong with many files is cut.
    package static let maximumReasonBytes = 16 << 10

    package var encoded: [UInt8] {
        var writer = BinaryWriter()
        switch self {
        case .policy(let policy):
            writer.put(UInt8(1))
            policy.encode(to: &writer)
        case .text(let bytes):
            writer.put(UInt8(2))
            writer.put(raw: bytes)
        case .complete: writer.put(UInt8(3))
        case .refused(let reason):
            writer.put(UInt8(4))
            writer.put(raw: reason.cut(atMost: Self.maximumReasonBytes))
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(PlanError) {
        guard bytes.count <= LauncherCommand.maximumBytes else { throw .tooLarge("message") }
        var reader = BinaryReader(bytes)
        switch try reader.integer(UInt8.self) {
        case 1: self = .policy(try CompiledPolicy(from: &reader))
        case 2: self = .text(try reader.raw("text", maximum: Self.maximumTextBytes))
        case 3: self = .complete
        case 4: self = .refused(try reader.string("reason", maximum: Self.maximumReasonBytes))
        case let other: throw .unknownMessage(other)
        }
        try reader.finish()
    }
}

/// Policy files as they were read by root: sandboxd, which may not read them, makes its own view of the policies of them.
package struct PolicyTexts: Sendable, Equatable {
    package struct File: Sendable, Equatable {
        package var path: String
        package var contents: [UInt8]

        package init(path: String, contents: [UInt8]) {
            self.path = path
            self.contents = contents
        }
    }

    package var files: [File]

    package init(_ files: [File]) { self.files = files }

    private static let maximumFiles = 4096

    /// To be sent in portions of `PolicyReaderMessage.maximumTextBytes`.
    package var encoded: [UInt8] {
        var writer = BinaryWriter()
        writer.put(UInt32(files.count))
        for file in files {
            writer.put(file.path)
            writer.put(raw: file.contents)
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(PlanError) {
        var reader = BinaryReader(bytes)
        let count = Int(try reader.integer(UInt32.self))
        guard count <= Self.maximumFiles else { throw .tooLarge("policy files") }
        var files: [File] = []
        for _ in 0..<count {
            files.append(
                File(
                    path: try reader.string("path"),
                    contents: try reader.raw("policy file", maximum: PolicyReaderMessage.maximumTextsBytes)))
        }
        try reader.finish()
        self.files = files
    }
}
