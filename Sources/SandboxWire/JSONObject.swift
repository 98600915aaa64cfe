/// An object of a document, for `Decodable`.
struct JSONObject<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let document: JSONDocument
    private let index: Int
    /// Where each value is, of an object that is too large to be looked through for each key.
    private let places: [String: Int]?

    /// Members up to which looking through all of them is faster than a table.
    private static var fewMembers: Int { 48 }

    init(_ document: JSONDocument, _ index: Int) throws {
        try document.require(.object, index)
        self.document = document
        self.index = index
        guard document.nodes[index].count > Self.fewMembers else {
            places = nil
            return
        }
        var places: [String: Int] = [:]
        places.reserveCapacity(Int(document.nodes[index].count))
        Self.forEachKey(of: index, in: document) { places[document.text($0) ?? ""] = $0 + 1 }
        self.places = places
    }

    private static func forEachKey(of index: Int, in document: JSONDocument, _ body: (Int) -> Void) {
        var key = index + 1
        while key < document.next(index) {
            body(key)
            key = document.next(key + 1)
        }
    }

    private func find(_ key: Key) -> Int? {
        let name = key.stringValue
        return if let places { places[name] } else { document.member(name, of: index) }
    }

    private func value(_ key: Key) throws -> Int {
        if let value = find(key) { return value }
        throw DecodingError.keyNotFound(key, document.context(index))
    }

    /// The value of a key that is there and is not null.
    private func present(_ key: Key) -> Int? { find(key).flatMap { document.isNull($0) ? nil : $0 } }

    private func decoder(_ key: Key) throws -> JSONValueDecoder {
        JSONValueDecoder(document: document, index: try value(key))
    }

    var codingPath: [any CodingKey] { document.path(to: index) }

    var allKeys: [Key] {
        var keys: [Key] = []
        Self.forEachKey(of: index, in: document) { node in
            if let key = document.text(node).flatMap({ Key(stringValue: $0) }) { keys.append(key) }
        }
        return keys
    }

    func contains(_ key: Key) -> Bool { find(key) != nil }
    func decodeNil(forKey key: Key) throws -> Bool { document.isNull(try value(key)) }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try decoder(key).decode(type) }
    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        try present(key).map { try JSONValueDecoder(document: document, index: $0).decode(type) }
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try decoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoder(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { JSONValueDecoder(document: document, index: index) }
    func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key) }
}

// Scalars.
extension JSONObject {
    func decode(_: Bool.Type, forKey key: Key) throws -> Bool { try document.decodeBool(value(key)) }
    func decode(_: String.Type, forKey key: Key) throws -> String { try document.decodeString(value(key)) }
    func decode(_: Double.Type, forKey key: Key) throws -> Double { try document.decodeDouble(value(key)) }
    func decode(_: Float.Type, forKey key: Key) throws -> Float { Float(try document.decodeDouble(value(key))) }
    func decode(_: Int.Type, forKey key: Key) throws -> Int { try document.decodeInteger(value(key)) }
    func decode(_: Int8.Type, forKey key: Key) throws -> Int8 { try document.decodeInteger(value(key)) }
    func decode(_: Int16.Type, forKey key: Key) throws -> Int16 { try document.decodeInteger(value(key)) }
    func decode(_: Int32.Type, forKey key: Key) throws -> Int32 { try document.decodeInteger(value(key)) }
    func decode(_: Int64.Type, forKey key: Key) throws -> Int64 { try document.decodeInteger(value(key)) }
    func decode(_: UInt.Type, forKey key: Key) throws -> UInt { try document.decodeInteger(value(key)) }
    func decode(_: UInt8.Type, forKey key: Key) throws -> UInt8 { try document.decodeInteger(value(key)) }
    func decode(_: UInt16.Type, forKey key: Key) throws -> UInt16 { try document.decodeInteger(value(key)) }
    func decode(_: UInt32.Type, forKey key: Key) throws -> UInt32 { try document.decodeInteger(value(key)) }
    func decode(_: UInt64.Type, forKey key: Key) throws -> UInt64 { try document.decodeInteger(value(key)) }

    // Those that results have many of: one look at the object instead of the three of the standard library.
    func decodeIfPresent(_: Bool.Type, forKey key: Key) throws -> Bool? {
        try present(key).map { try document.decodeBool($0) }
    }
    func decodeIfPresent(_: String.Type, forKey key: Key) throws -> String? {
        try present(key).map { try document.decodeString($0) }
    }
    func decodeIfPresent(_: Double.Type, forKey key: Key) throws -> Double? {
        try present(key).map { try document.decodeDouble($0) }
    }
    func decodeIfPresent(_: UInt64.Type, forKey key: Key) throws -> UInt64? {
        try present(key).map { try document.decodeInteger($0) }
    }
    func decodeIfPresent(_: UInt32.Type, forKey key: Key) throws -> UInt32? {
        try present(key).map { try document.decodeInteger($0) }
    }
}

/// A list of a document, for `Decodable`.
struct JSONList: UnkeyedDecodingContainer {
    private let document: JSONDocument
    private let index: Int
    private var place: Int
    private(set) var currentIndex = 0

    init(_ document: JSONDocument, _ index: Int) throws {
        try document.require(.array, index)
        self.document = document
        self.index = index
        place = index + 1
    }

    var codingPath: [any CodingKey] { document.path(to: index) }
    var count: Int? { Int(document.nodes[index].count) }
    var isAtEnd: Bool { place >= document.next(index) }

    /// The next element. One that turns out not to be what was expected has been passed all the same.
    private mutating func take(_ type: any Any.Type) throws -> Int {
        guard !isAtEnd else { throw DecodingError.valueNotFound(type, document.context(index, "the list has ended")) }
        defer {
            place = document.next(place)
            currentIndex += 1
        }
        return place
    }

    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd, document.isNull(place) else { return false }
        _ = try take(Never.self)
        return true
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try JSONValueDecoder(document: document, index: take(type)).decode(type)
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try document.decodeBool(take(type)) }
    mutating func decode(_ type: String.Type) throws -> String { try document.decodeString(take(type)) }
    mutating func decode(_ type: Double.Type) throws -> Double { try document.decodeDouble(take(type)) }
    mutating func decode(_ type: Float.Type) throws -> Float { Float(try document.decodeDouble(take(type))) }
    mutating func decode(_ type: Int.Type) throws -> Int { try document.decodeInteger(take(type)) }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try document.decodeInteger(take(type)) }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try document.decodeInteger(take(type)) }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try document.decodeInteger(take(type)) }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try document.decodeInteger(take(type)) }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try document.decodeInteger(take(type)) }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try document.decodeInteger(take(type)) }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try document.decodeInteger(take(type)) }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try document.decodeInteger(take(type)) }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try document.decodeInteger(take(type)) }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        try JSONValueDecoder(document: document, index: take(type)).container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try JSONList(document, take(JSONList.self))
    }

    mutating func superDecoder() throws -> any Decoder {
        JSONValueDecoder(document: document, index: try take(JSONList.self))
    }
}
