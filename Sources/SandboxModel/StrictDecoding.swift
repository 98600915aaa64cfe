/// A key of any name, to see what an object really contains.
struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension Decoder {
    /// Throws when the object being decoded has a key that `Keys` does not name.
    ///
    /// `Codable` ignores unknown keys; for a security decision that would turn a typo into "not asked for".
    func refuseUnknownKeys<Keys: CodingKey & CaseIterable>(_: Keys.Type) throws {
        let known = Set(Keys.allCases.map(\.stringValue))
        let present = try container(keyedBy: AnyKey.self).allKeys
        guard let unknown = present.map(\.stringValue).sorted().first(where: { !known.contains($0) }) else { return }
        let message = "unknown key '\(unknown)'; the keys are \(known.sorted().joined(separator: ", "))"
        throw DecodingError.dataCorrupted(.init(codingPath: codingPath, debugDescription: message))
    }
}
