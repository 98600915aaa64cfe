import SandboxModel

/// The version of the protocol that this code speaks.
package let wireVersion = 1

/// What was added to that version, as `hello` announces it.
package enum WireCapability {
    /// `verify` and `verified`.
    package static let verify = "verify"
    /// `policies` and `policy`.
    package static let policies = "policies"
    /// `usage`, `omitted`, `stats`, `usage` in `list`, `now` in `cancel` and `kill`; `keep`, `usage_interval_ms` and all
    /// limits but the first nine in requests.
    package static let usage = "usage"
    /// `host`.
    package static let host = "host"
    /// `service`.
    package static let service = "service"
    /// `metrics`.
    package static let metrics = "metrics"
    /// `trace` in requests and results.
    package static let trace = "trace"
    /// `reload` and `reloaded`.
    package static let reload = "reload"
    /// `accept_weaker` in requests, `weaker` in results and policies.
    package static let acceptWeaker = "accept_weaker"
}

/// JSON to and from control frames.
package enum ControlCoding {
    /// Keys and values that a client's message may have: as many variables as a command can take, and the rest.
    static let maximumClientValues = 2 * RunRequest.maximumStrings + 256

    /// A control frame for a message.
    ///
    /// Throws only when the message itself cannot be JSON (a NaN), which the model's types rule out by validation.
    package static func frame(_ message: some Encodable) throws(WireError) -> Frame {
        Frame(kind: .control, payload: try json(message))
    }

    package static func frame(_ message: ServerMessage) throws(WireError) -> Frame {
        if let written = message.written { return Frame(kind: .control, payload: written) }
        return Frame(kind: .control, payload: try json(message))
    }

    /// A value as one line of JSON with sorted keys.
    package static func json(_ value: some Encodable) throws(WireError) -> [UInt8] {
        do {
            return try JSONWriter.bytes(of: value)
        } catch {
            throw .malformed("failed to encode: \(error)")
        }
    }

    /// A message from a control frame's payload. What it costs is bounded by the frame's size and by `JSONParser`.
    ///
    /// - Throws: `.request` where the message is of the protocol and asks for something impossible, which `clientMessage`
    ///   makes an answer on its channel. Else `.malformed`.
    package static func decode<Message: Decodable>(_ type: Message.Type, from payload: [UInt8]) throws(WireError)
        -> Message
    {
        try decode(type, try parse(payload, maximumValues: .max))
    }

    /// A client's message that is refused.
    package struct Refusal: Error, Equatable {
        package var error: WireError
        /// Where it can be answered: the channel of what is a `run`, whatever its request says. Without one the connection
        /// has to end.
        package var channel: UInt32?
    }

    /// What a client sent. Looked at once, also where it is refused: the sender pays less for it than the reader.
    package static func clientMessage(from payload: [UInt8]) throws(Refusal) -> ClientMessage {
        let document: JSONDocument
        do throws(WireError) {
            document = try parse(payload, maximumValues: maximumClientValues)
        } catch {
            throw Refusal(error: error)
        }
        if let message = ClientMessage(ordinary: document) { return message }
        do throws(WireError) {
            return try decode(ClientMessage.self, document)
        } catch {
            // What is not JSON is no message, unless it is so by a limit alone.
            if case .malformed = error, document.hasWords { throw Refusal(error: error) }
            throw Refusal(error: error, channel: document.channelOfRun)
        }
    }

    private static func parse(_ payload: [UInt8], maximumValues: Int) throws(WireError) -> JSONDocument {
        do throws(JSONError) {
            return try JSONDocument(parsing: payload, maximumValues: maximumValues)
        } catch {
            throw .malformed("\(error)")
        }
    }

    /// Some languages write NaN and Infinity, which are not JSON. Such a message is refused in any case; but where one
    /// stands where a limit should, that is said instead of "not JSON".
    private static func decode<Message: Decodable>(
        _: Message.Type, _ document: JSONDocument
    ) throws(WireError) -> Message {
        let message: Message
        do {
            message = try document.decode(Message.self)
        } catch let error as ServiceError {
            throw .request(error)
        } catch let error as DecodingError where !document.hasWords {
            throw .malformed(describe(error))
        } catch {
            throw .malformed("not JSON: NaN or Infinity")
        }
        if document.hasWords { throw .malformed("not JSON: NaN or Infinity") }
        return message
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
        // Both name what the sender wrote, which can be long.
        let place = path.drop { $0 == "." }.prefix(120)
        return place.isEmpty ? String(reason.prefix(600)) : "\(place): \(reason.prefix(600))"
    }
}

extension JSONDocument {
    /// The channel, where this is a `run` that says for which one it is.
    fileprivate var channelOfRun: UInt32? {
        guard let type = member("type", of: 0), text(type) == "run", let channel = member("channel", of: 0) else {
            return nil
        }
        return integer(channel)
    }
}
