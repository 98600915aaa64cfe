import Foundation
import Testing

@testable import SandboxModel
@testable import SandboxWire

/// Texts of RFC 8259 and their neighbours that are none.
@Suite struct JSONReadingTests {
    private func error(_ bytes: [UInt8], maximumValues: Int = .max) -> JSONError? {
        do throws(JSONError) {
            _ = try JSONDocument(parsing: bytes, maximumValues: maximumValues)
            return nil
        } catch {
            return error
        }
    }

    private func value<Value: Decodable>(_ text: String, _: Value.Type = Value.self) throws -> Value {
        try JSONDocument(parsing: Array(text.utf8)).decode(Value.self)
    }

    @Test(arguments: [
        "null", "true", "false", "0", "-0", "12", "-1.5", "0.0", "1e3", "1E+3", "1e-3", "\"\"", "[]", "{}",
        " [ 1 , 2 ] ",
        "\t\r\n{\"a\" : [ { } , [ ] ] }\n", #""\"\\\/\b\f\n\r\t\u0041""#, #""\ud83d\ude00""#,
        "\"\u{7f}\u{2028}é\u{1F600}\"",
        #"{"":1}"#, #"{"a":1,"A":2}"#, "[[[[[[[[]]]]]]]]", "123456789012345678901234567890",
    ]) func isJSON(_ text: String) throws {
        #expect(error(Array(text.utf8)) == nil)
        _ = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "True", "+1", "01", "-", "-a", "1.", ".5", "1e", "1e+", "0x1", "1_0", "--1", "\"",
        "\"a",
        "'a'", #""\x""#, #""\u12""#, #""\u12g4""#, #""\ud83d""#, #""\ude00""#, #""\ud83dx""#, #""\ud83d\n""#,
        #""\ud83d\ud83d""#, "\"\n\"", "\"\u{0}\"", "[", "]", "[1", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{", "{]", "[}",
        #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{,"a":1}"#, #"{"a" 1}"#, "{a:1}", "{1:1}", #"{"a":1 "b":2}"#, "1 1",
        "[] []",
        "// a\n1", "/**/1", "\u{FEFF}1", "\u{A0}1", "1\u{0}",
    ]) func isNotJSON(_ text: String) { #expect(error(Array(text.utf8)) != nil) }

    /// Overlong, surrogates in UTF-8, too large, cut off, and what never begins a character.
    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x9F, 0xBF], [0xE2, 0x82],
            [0xED, 0xA0, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80], [0xF5], [0xFF],
            [0xFE],
        ] as [[UInt8]]) func isNotUTF8(_ bytes: [UInt8])
    {
        let quote = UInt8(ascii: "\"")
        #expect(error([quote] + bytes + [quote]) != nil)
        // Also where the text ends in it.
        #expect(error([quote] + bytes) != nil)
    }

    @Test func `every character comes through, raw and escaped`() throws {
        let scalars = [0x20, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF].compactMap(
            Unicode.Scalar.init)
        for scalar in scalars where scalar != "\"" {
            let text = String(scalar)
            #expect(try value("\"\(text)\"") == text)
            let escaped = text.utf16.map {
                "\\u" + String(repeating: "0", count: 4 - String($0, radix: 16).count) + String($0, radix: 16)
            }
            #expect(try value("\"\(escaped.joined())\"") == text)
            #expect(try value("\"\(escaped.joined().uppercased().replacing("\\U", with: "\\u"))\"") == text)
        }
        #expect(try value(#""\"\\\/\b\f\n\r\t\u0000""#) == "\"\\/\u{8}\u{c}\n\r\t\u{0}")
    }

    @Test func `numbers are those that fit`() throws {
        #expect(try value("255", UInt8.self) == 255)
        #expect(try value("-128", Int8.self) == -128)
        #expect(try value("-9223372036854775808", Int64.self) == .min)
        #expect(try value("18446744073709551615", UInt64.self) == .max)
        #expect(try value("1e2", UInt8.self) == 100)
        for text in ["256", "-1", "1.5", "1e3", "\"1\"", "true", "null", "[]"] {
            #expect(throws: DecodingError.self) { try value(text, UInt8.self) }
        }
        for text in ["0", "-0.0", "0e999", "0.1", "1.7976931348623157e308", "5e-324", "123456789012345678", "3.14"] {
            #expect(try value(text, Double.self) == Double(text))
        }
        for text in ["1e309", "-1e309", "1e-400"] {
            #expect(throws: DecodingError.self) { try value(text, Double.self) }
        }
    }

    @Test(arguments: [
        #"{"a":1,"a":1}"#, #"{"a":1,"\u0061":2}"#, #"{"b":{"x":[],"y":1,"x":2}}"#, #"[{"":0,"":0}]"#,
    ]) func `a key twice is an error, wherever`(_ text: String) {
        guard case .duplicateKey = error(Array(text.utf8)) else {
            Issue.record("\(text) was read")
            return
        }
        let many = (0..<100).map { "\"k\($0)\":0" }.joined(separator: ",")
        #expect(error(Array("{\(many),\"k50\":1}".utf8)) == .duplicateKey("k50"))
        // Long keys and those with escapes are read once each, and not once for every other.
        let long = String(repeating: "k", count: 5000)
        #expect(error(Array("{\"a\":1,\"\(long)\":1,\"\(long)\":2}".utf8)) == .duplicateKey(long))
        #expect(error(Array(#"{"k\n\u0041":1,"b":1,"k\nA":2}"#.utf8)) == .duplicateKey("k\nA"))
        #expect(error(Array("{\(many)}".utf8)) == nil)
    }

    @Test func `nesting is bounded`() {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(error(nested(JSONParser.maximumDepth)) == nil)
        #expect(error(nested(JSONParser.maximumDepth + 1)) == .tooDeep)
        #expect(error(Array(repeating: UInt8(ascii: "["), count: 1_000_000)) == .tooDeep)
    }

    @Test func `errors say where`() throws {
        let text = #"{"type":"run","channel":1,"request":{"argv":["a","b",3]}}"#
        let refusal = #expect(throws: ControlCoding.Refusal.self) {
            try ControlCoding.clientMessage(from: Array(text.utf8))
        }
        #expect(refusal?.error == .malformed("request.argv[2]: expected String"))
        #expect(error(Array(#"{"a":tru}"#.utf8)).map { "\($0)" } == "not JSON: a value at byte 5")
    }
}
