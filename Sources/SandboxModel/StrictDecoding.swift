/// A decoder that can tell about an object or a list without reading what is in it: whoever is to be refused for how much he
/// sent must not be read to the end first.
package protocol SizedDecoder: Decoder {
    /// How many members or elements; `nil` of a scalar.
    var count: Int? { get }
    /// The first key of an object, in the order of the text, for which this holds.
    func firstKey(where isWanted: (String) -> Bool) throws -> String?
}

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
        let isUnknown = { (key: String) in Keys(stringValue: key) == nil }
        let unknown =
            if let decoder = self as? any SizedDecoder {
                try decoder.firstKey(where: isUnknown)
            } else {
                try container(keyedBy: AnyKey.self).allKeys.map(\.stringValue).first(where: isUnknown)
            }
        guard let unknown else { return }
        let known = Keys.allCases.map(\.stringValue).sorted().joined(separator: ", ")
        let message = "unknown key '\(unknown)'; the keys are \(known)"
        throw DecodingError.dataCorrupted(.init(codingPath: codingPath, debugDescription: message))
    }
}

/// Strings of a request, refused by their number before any of them is read.
struct CountedStrings<Strings: Decodable>: Decodable {
    let strings: Strings

    init(from decoder: any Decoder) throws {
        if let count = (decoder as? any SizedDecoder)?.count { try RunRequest.checkCount(count) }
        strings = try Strings(from: decoder)
    }
}
