import SandboxModel

extension JSONDocument {
    /// The whole text as a value.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try JSONValueDecoder(document: self, index: 0).decode(type)
    }

    /// Where a value stands. Found by walking down to it, so that nothing has to be remembered for a text that is right.
    func path(to index: Int) -> [any CodingKey] {
        var path: [any CodingKey] = []
        var container = 0
        while container < index {
            let isObject = nodes[container].kind == .object
            var child = container + 1
            var number = 0
            while next(child + (isObject ? 1 : 0)) <= index {
                child = next(child + (isObject ? 1 : 0))
                number += 1
            }
            path.append(isObject ? JSONKey(stringValue: text(child) ?? "") : JSONKey(intValue: number))
            container = isObject ? child + 1 : child
        }
        return path
    }

    func context(_ index: Int, _ reason: String = "") -> DecodingError.Context {
        .init(codingPath: path(to: index), debugDescription: reason)
    }

    // MARK: - Scalars

    func isNull(_ index: Int) -> Bool { nodes[index].kind == .null }

    func decodeString(_ index: Int) throws -> String {
        guard let text = text(index) else { throw mismatch(String.self, index) }
        return text
    }

    func decodeBool(_ index: Int) throws -> Bool {
        switch nodes[index].kind {
        case .truth: return true
        case .falsehood: return false
        default: throw mismatch(Bool.self, index)
        }
    }

    func decodeDouble(_ index: Int) throws -> Double {
        guard let number = double(index) else { throw mismatch(Double.self, index) }
        return number
    }

    func decodeInteger<Value: FixedWidthInteger>(_ index: Int) throws -> Value {
        guard let number: Value = integer(index) else { throw mismatch(Value.self, index) }
        return number
    }

    private func mismatch(_ type: any Any.Type, _ index: Int) -> DecodingError {
        isNull(index) ? .valueNotFound(type, context(index)) : .typeMismatch(type, context(index))
    }

    /// Throws unless there is an object or a list that was stored as a whole.
    func require(_ kind: Node.Kind, _ index: Int) throws {
        guard nodes[index].kind == kind else {
            let expected = kind == .object ? "expected an object" : "expected a list"
            throw DecodingError.dataCorrupted(context(index, expected))
        }
        guard !nodes[index].mark else {
            throw DecodingError.dataCorrupted(context(index, "more values than a message may have"))
        }
    }
}

/// A key or a place in a list, for error messages.
struct JSONKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        stringValue = "\(intValue)"
        self.intValue = intValue
    }
}

/// One value of a document, for `Decodable`.
struct JSONValueDecoder: Decoder {
    let document: JSONDocument
    let index: Int

    var codingPath: [any CodingKey] { document.path(to: index) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func decode<Value: Decodable>(_: Value.Type) throws -> Value { try Value(from: self) }

    func container<Key: CodingKey>(keyedBy _: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(try JSONObject<Key>(document, index))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try JSONList(document, index) }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { self }
}

extension JSONValueDecoder: SizedDecoder {
    var count: Int? {
        switch document.nodes[index].kind {
        case .array, .object: Int(document.nodes[index].count)
        default: nil
        }
    }

    func firstKey(where isWanted: (String) -> Bool) throws -> String? {
        try document.require(.object, index)
        var key = index + 1
        while key < document.next(index) {
            if let name = document.text(key), isWanted(name) { return name }
            key = document.next(key + 1)
        }
        return nil
    }
}

extension JSONValueDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool { document.isNull(index) }
    func decode(_: Bool.Type) throws -> Bool { try document.decodeBool(index) }
    func decode(_: String.Type) throws -> String { try document.decodeString(index) }
    func decode(_: Double.Type) throws -> Double { try document.decodeDouble(index) }
    func decode(_: Float.Type) throws -> Float { Float(try document.decodeDouble(index)) }
    func decode(_: Int.Type) throws -> Int { try document.decodeInteger(index) }
    func decode(_: Int8.Type) throws -> Int8 { try document.decodeInteger(index) }
    func decode(_: Int16.Type) throws -> Int16 { try document.decodeInteger(index) }
    func decode(_: Int32.Type) throws -> Int32 { try document.decodeInteger(index) }
    func decode(_: Int64.Type) throws -> Int64 { try document.decodeInteger(index) }
    func decode(_: UInt.Type) throws -> UInt { try document.decodeInteger(index) }
    func decode(_: UInt8.Type) throws -> UInt8 { try document.decodeInteger(index) }
    func decode(_: UInt16.Type) throws -> UInt16 { try document.decodeInteger(index) }
    func decode(_: UInt32.Type) throws -> UInt32 { try document.decodeInteger(index) }
    func decode(_: UInt64.Type) throws -> UInt64 { try document.decodeInteger(index) }
}
