/// Writes `Encodable` values as JSON: one line, sorted keys, no escape that is not needed.
final class JSONWriter {
    /// A value of its own, so that an access is checked for exclusivity once and not once per property.
    var output = JSONOutput()

    static func bytes(of value: some Encodable) throws -> [UInt8] {
        let writer = JSONWriter()
        try writer.write(value)
        return writer.output.bytes
    }

    func write(_ value: some Encodable) throws {
        let (level, start) = (output.depth, output.bytes.count)
        try value.encode(to: JSONValueEncoder(writer: self, level: level))
        output.close(to: level)
        guard output.bytes.count > start else {
            throw EncodingError.invalidValue(value, .init(codingPath: [], debugDescription: "it wrote nothing"))
        }
    }
}

/// Where one value is written. What was begun inside it ends with the next word to what is around it; nothing here writes
/// to a list or an object that has ended, which would trap.
struct JSONValueEncoder: Encoder {
    let writer: JSONWriter
    /// How many lists and objects are open around it.
    let level: Int

    // A message's own types say what is wrong; what they consist of can always be written.
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy _: Key.Type) -> KeyedEncodingContainer<Key> {
        writer.output.begin(isObject: true, at: level)
        return KeyedEncodingContainer(JSONMembers<Key>(writer: writer, level: level))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        writer.output.begin(isObject: false, at: level)
        return JSONElements(writer: writer, level: level)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }
}

extension JSONValueEncoder: SingleValueEncodingContainer {
    func encodeNil() throws { writer.output.null() }
    func encode(_ value: some Encodable) throws { try writer.write(value) }
    func encode(_ value: Bool) throws { writer.output.bool(value) }
    func encode(_ value: String) throws { writer.output.string(value) }
    func encode(_ value: Double) throws { try writer.output.double(value) }
    func encode(_ value: Float) throws { try writer.output.double(Double(value)) }
    func encode(_ value: Int) throws { writer.output.integer(value) }
    func encode(_ value: Int8) throws { writer.output.integer(value) }
    func encode(_ value: Int16) throws { writer.output.integer(value) }
    func encode(_ value: Int32) throws { writer.output.integer(value) }
    func encode(_ value: Int64) throws { writer.output.integer(value) }
    func encode(_ value: UInt) throws { writer.output.integer(value) }
    func encode(_ value: UInt8) throws { writer.output.integer(value) }
    func encode(_ value: UInt16) throws { writer.output.integer(value) }
    func encode(_ value: UInt32) throws { writer.output.integer(value) }
    func encode(_ value: UInt64) throws { writer.output.integer(value) }
}
