/// The numbers of a `Limits` object as somebody wrote them.
///
/// An absent key is no limit of the request. `null` is not the same: some languages write it for infinity.
struct LimitValues {
    let values: KeyedDecodingContainer<Limits.CodingKeys>

    /// A whole number below 2^63, the most that other languages can hold; also written as 10.0 or 1e3.
    func whole(_ key: Limits.CodingKeys) throws -> UInt64? {
        guard values.contains(key) else { return nil }
        // The second look is for 1e-999, which reads as the whole number 0.
        if let number = try? values.decode(UInt64.self, forKey: key), number < 1 << 63,
            let same = try? values.decode(Double.self, forKey: key), same == Double(number)
        {
            return number
        }
        throw notAllowed(key, "\(key.unit) as a number, from \(key.least) up to the policy's")
    }

    /// A finite number; whether it is more than zero is for the policy's range to say.
    func cores(_ key: Limits.CodingKeys) throws -> Double? {
        guard values.contains(key) else { return nil }
        if let number = try? values.decode(Double.self, forKey: key), number.isFinite { return number }
        throw notAllowed(key, "cores as a number, from 0.001 up to the policy's")
    }

    private func notAllowed(_ key: Limits.CodingKeys, _ accepted: String) -> ServiceError {
        let message = "limit \(key.stringValue) of \(given(key)) is not allowed: it takes \(accepted)"
        return ServiceError(.limitNotAllowed, message)
    }

    /// What stands there, as far as a decoder tells.
    private func given(_ key: Limits.CodingKeys) -> String {
        if let isNull = try? values.decodeNil(forKey: key), isNull { return "null" }
        if let flag = try? values.decode(Bool.self, forKey: key) { return "\(flag)" }
        if let number = try? values.decode(UInt64.self, forKey: key) { return "\(number)" }
        if let number = try? values.decode(Int64.self, forKey: key) { return "\(number)" }
        if let number = try? values.decode(Double.self, forKey: key) { return "\(number)" }
        if let text = try? values.decode(String.self, forKey: key) {
            let shown = text.unicodeScalars.prefix(40).map {
                $0.isASCII && $0.value >= 0x20 && $0 != "\u{7F}" ? $0 : "?"
            }
            return "the text '\(String(String.UnicodeScalarView(shown)))'"
        }
        if (try? values.nestedUnkeyedContainer(forKey: key)) != nil { return "a list" }
        if (try? values.nestedContainer(keyedBy: AnyKey.self, forKey: key)) != nil { return "an object" }
        return "a number that is too large or too small"
    }
}

extension Limits.CodingKeys {
    fileprivate var unit: String {
        switch self {
        case .memoryBytes, .swapBytes, .fileSizeBytes, .outputBytes, .stdoutBytes, .stderrBytes, .tmpBytes,
            .workspaceBytes:
            "whole bytes"
        case .readBytesPerSecond, .writeBytesPerSecond: "whole bytes per second"
        case .wallMilliseconds, .cpuMilliseconds, .idleMilliseconds, .graceMilliseconds: "whole milliseconds"
        case .processes, .openFiles, .workspaceInodes: "a whole count"
        case .cpus: "cores"
        }
    }

    /// What is less is refused whatever a policy says.
    fileprivate var least: Int {
        switch self {
        case .swapBytes, .graceMilliseconds: 0
        default: 1
        }
    }
}
