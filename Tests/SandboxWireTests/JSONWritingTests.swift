import Foundation
import SandboxModel
import Testing

@testable import SandboxWire

/// What is written is what Foundation would write, byte for byte.
@Suite struct JSONWritingTests {
    private func expectSame(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let expected = String(decoding: try encoder.encode(value), as: UTF8.self)
        #expect(String(decoding: try ControlCoding.json(value), as: UTF8.self) == expected)
    }

    @Test(arguments: MessageTests.clientMessages) func clients(_ message: ClientMessage) throws {
        try expectSame(message)
    }
    @Test(arguments: MessageTests.serverMessages) func servers(_ message: ServerMessage) throws {
        try expectSame(message)
    }

    @Test func scalars() throws {
        for number in [0, 1.5, -1, 0.1, 1e21, 1e300, .leastNonzeroMagnitude, 123_456_789.125, 4_503_599_627_370_497]
            as [Double]
        {
            try expectSame([number])
        }
        try expectSame([Int64.min, .max])
        try expectSame([UInt64.max])
        try expectSame([true, false])
        try expectSame([nil, 1, nil] as [Int?])
        let text =
            String(String.UnicodeScalarView((0...0x2FF).compactMap(Unicode.Scalar.init))) + "\u{2028}\u{1F600}\u{FFFF}"
        try expectSame([text, "", "/"])
        try expectSame(["b": 1, "a": 2, "ab": 3, "B": 4, "a_b": 5, "": 6, "a1": 7])
    }

    private struct Nested: Encodable {
        func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: JSONKey.self)
            var inner = values.nestedContainer(keyedBy: JSONKey.self, forKey: JSONKey(stringValue: "z"))
            try inner.encode(1, forKey: JSONKey(stringValue: "b"))
            try inner.encodeNil(forKey: JSONKey(stringValue: "a"))
            var list = values.nestedUnkeyedContainer(forKey: JSONKey(stringValue: "y"))
            try list.encode("x")
            var deep = list.nestedContainer(keyedBy: JSONKey.self)
            try deep.encode([Int](), forKey: JSONKey(stringValue: "e"))
            _ = list.nestedUnkeyedContainer()
            try list.encode([String: Int]())
            let count = list.count
            try 2.encode(to: values.superEncoder(forKey: JSONKey(stringValue: "x")))
            var again = encoder.container(keyedBy: JSONKey.self)
            try again.encode(count, forKey: JSONKey(stringValue: "w"))
        }
    }

    @Test func containersByHand() throws { try expectSame([Nested(), Nested()]) }

    private struct Nothing: Encodable {
        func encode(to encoder: any Encoder) {}
    }

    @Test func whatIsNoJSON() {
        for number in [Double.nan, .infinity, -.infinity] {
            #expect(throws: WireError.self) { try ControlCoding.json([number]) }
        }
        #expect(throws: WireError.self) { try ControlCoding.json([Nothing()]) }
    }
}
