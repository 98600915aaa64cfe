// FoundationEssentials alone: the client links no ICU.
import FoundationEssentials

/// The version of the protocol that this code speaks.
package let wireVersion = 1

/// What was added to that version, as `hello` announces it.
package enum WireCapability {
    /// `verify` and `verified`.
    package static let verify = "verify"
    /// `policies` and `policy`.
    package static let policies = "policies"
}

/// JSON to and from control frames.
package enum ControlCoding {
    /// A control frame for a message.
    ///
    /// Throws only when the message itself cannot be JSON (a NaN), which the model's types rule out by validation.
    package static func frame(_ message: some Encodable) throws(WireError) -> Frame {
        Frame(kind: .control, payload: try json(message))
    }

    /// A value as one line of JSON with sorted keys.
    package static func json(_ value: some Encodable) throws(WireError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value))
        } catch {
            throw .malformed("failed to encode: \(error)")
        }
    }

    /// A message from a control frame's payload. Nesting and size are bounded by the decoder and by the frame.
    package static func decode<Message: Decodable>(_: Message.Type, from payload: [UInt8]) throws(WireError) -> Message
    {
        do {
            return try JSONDecoder().decode(Message.self, from: Data(payload))
        } catch let error as DecodingError {
            throw .malformed(describe(error))
        } catch {
            throw .malformed("not JSON")
        }
    }

    private static func describe(_ error: DecodingError) -> String {
        switch error {
        case .dataCorrupted(let context): at(context, context.debugDescription)
        case .keyNotFound(let key, let context): at(context, "key '\(key.stringValue)' is missing")
        case .typeMismatch(let type, let context): at(context, "expected \(type)")
        case .valueNotFound(let type, let context): at(context, "expected \(type), found null")
        @unknown default: "not of the expected form"
        }
    }

    private static func at(_ context: DecodingError.Context, _ reason: String) -> String {
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
        return path.isEmpty ? reason : "\(path.drop(while: { $0 == "." })): \(reason)"
    }
}
