/// How much of each output stream is carried to the caller, while the run goes on and its limits count every byte.
///
/// What is not said is carried whole. What lies between head and tail is read and dropped; the result says `truncated`.
public struct OutputKeep: Codable, Sendable, Equatable {
    /// The first `head` bytes come as they are written, the last `tail` bytes when the stream has ended.
    public struct Part: Codable, Sendable, Equatable {
        public var headBytes: UInt64
        /// At most `maximumTailBytes`: the daemon holds them until the end.
        public var tailBytes: UInt64

        public init(headBytes: UInt64 = 0, tailBytes: UInt64 = 0) {
            self.headBytes = headBytes
            self.tailBytes = tailBytes
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case headBytes = "head_bytes"
            case tailBytes = "tail_bytes"
        }

        public init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys(CodingKeys.self)
            let values = try decoder.container(keyedBy: CodingKeys.self)
            headBytes = try values.decodeIfPresent(UInt64.self, forKey: .headBytes) ?? 0
            tailBytes = try values.decodeIfPresent(UInt64.self, forKey: .tailBytes) ?? 0
        }
    }

    public static let maximumTailBytes: UInt64 = 1 << 20

    public var stdout: Part?
    public var stderr: Part?

    public init(stdout: Part? = nil, stderr: Part? = nil) {
        self.stdout = stdout
        self.stderr = stderr
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case stdout, stderr
    }

    public init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        let values = try decoder.container(keyedBy: CodingKeys.self)
        stdout = try values.decodeIfPresent(Part.self, forKey: .stdout)
        stderr = try values.decodeIfPresent(Part.self, forKey: .stderr)
    }
}

/// Which of a command's outputs, as messages name it.
public enum StreamName: String, Codable, Sendable, Hashable, CaseIterable {
    case stdout, stderr
}
