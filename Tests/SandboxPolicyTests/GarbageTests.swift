import SandboxPolicy
import Testing

/// Whatever the bytes are: an error, soon, and no crash.
@Suite("Garbage", .timeLimit(.minutes(1)))
struct GarbageTests {
    @Test("random bytes")
    func random() throws {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        for round in 0..<300 {
            var bytes: [UInt8] = []
            for _ in 0..<(round * 3 + 1) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(UInt8(truncatingIfNeeded: state >> 33))
            }
            #expect(try !diagnostics(bytes).isEmpty)
        }
    }

    @Test("random YAML punctuation")
    func punctuation() throws {
        let alphabet = Array("[]{}:,-?!&*|>%@`'\"# \n\nab1~".utf8)
        var state: UInt64 = 42
        for _ in 0..<2000 {
            var bytes: [UInt8] = []
            for _ in 0..<40 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(alphabet[Int((state >> 33) % UInt64(alphabet.count))])
            }
            #expect(try !diagnostics(bytes).isEmpty)
        }
    }

    @Test("a valid policy with one byte changed is read or refused")
    func mutated() throws {
        let text = Array((minimal + "commands: { deny: [{ program: rm, arguments: [\"-rf\"] }] }\n").utf8)
        var refused = 0
        for index in text.indices {
            for byte in [UInt8(0), 0x22, 0x26, 0x2A, 0x3A, 0x7B, 0xFF] {
                var bytes = text
                bytes[index] = byte
                if try !diagnostics(bytes).isEmpty { refused += 1 }
            }
        }
        #expect(refused > text.count)
    }

    @Test("a file of tests with one byte changed is read and run, or refused")
    func mutatedTests() throws {
        let text = Array(
            """
            version: 1
            policy: own
            tests: [{ command: [rm], expect: deny, rule: "own.yaml:4" }, { path: /x, access: read, expect: deny }]

            """.utf8)
        let own = try policy("commands: { deny: [rm] }\n")
        var refused = 0
        var failed = 0
        for index in text.indices {
            for byte in [UInt8(0), 0x22, 0x2A, 0x3A, 0x7B, 0x61, 0xFF] {
                var bytes = text
                bytes[index] = byte
                do {
                    let outcomes = try PolicyTestFile(path: "t", contents: bytes).run(on: own, host: .unknown)
                    failed += outcomes.count { $0.failure != nil }
                } catch { refused += 1 }
            }
        }
        #expect(refused > text.count && failed > 10)
    }

    @Test("10,000 levels", arguments: ["[", "{", "- ", "? ", "[\"]\",", "{a: ", "{? ", "[{\"}\": "])
    func nesting(unit: String) throws {
        let deep = String(repeating: unit, count: 10_000)
        #expect(try !diagnostics(Array(deep.utf8)).isEmpty)
        let lines = String(repeating: unit + "\n", count: 10_000)
        #expect(try !diagnostics(Array(("version: 1\nfinal:\n " + lines).utf8)).isEmpty)
    }

    @Test("nesting by indentation")
    func indentation() throws {
        let steps = (0..<700).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(try diagnostics(Array(steps.utf8)).map(\.message) == ["nested too deeply"])
    }

    @Test("a bomb of aliases, also as keys")
    func aliases() throws {
        for key in ["", "? "] {
            var text = "a0: &a0 [x, x]\n"
            for level in 1..<40 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
            text += "\(key)*a39 : x\n"
            let found = try diagnostics(Array(text.utf8))
            #expect(found.map(\.message) == ["anchors and aliases are not allowed ('&a0' and '*a0')"])
        }
    }

    @Test("too large, too long, not UTF-8, control characters")
    func text() throws {
        let large = Array((minimal + String(repeating: "# x\n", count: 70_000)).utf8)
        #expect(try diagnostics(large).map(\.message) == ["the file has \(large.count) bytes; at most 262144 are read"])
        let long = Array(("# " + String(repeating: "x", count: 9000) + "\n").utf8)
        #expect(try diagnostics(long).map(\.message) == ["the line is longer than 8192 characters"])
        let latin = try diagnostics(Array("version: 1\ndescription: caf".utf8) + [0xE9, 0x0A])
        #expect(latin.map(\.message) == ["the line is not valid UTF-8"])
        #expect(latin.map(\.location.line) == [2])
        for scalar in ["\u{0}", "\u{1B}", "\u{7F}", "\u{85}", "\u{2028}", "\u{202E}", "\u{FEFF}", "\u{E000}", "\r"] {
            let found = try diagnostics(Array("version: 1\ndescription: a\(scalar)b\n".utf8))
            #expect(found.map { "\($0.location.line):\($0.location.column)" } == ["2:15"], "\(scalar.unicodeScalars)")
        }
    }

    @Test("a diagnostic shows no control character of the file", arguments: ["\u{1B}", "\r", "\u{85}", "\u{202E}"])
    func shown(scalar: String) throws {
        let written = try diagnostics(Array("version: 1\ndescription: a\(scalar)b\n".utf8))
        let hex = String(scalar.unicodeScalars.first?.value ?? 0, radix: 16)
        let escaped = try diagnostics(
            Array("version: 1\nextends: \"a\\U\(String(repeating: "0", count: 8 - hex.count))\(hex)b\"\n".utf8))
        for diagnostic in written + escaped {
            #expect(!diagnostic.description.unicodeScalars.contains { $0 == scalar.unicodeScalars.first })
        }
        #expect(!written.isEmpty && !escaped.isEmpty)
    }

    @Test("Windows line ends are read")
    func lineEnds() {
        #expect(problems(minimal.replacing("\n", with: "\r\n")) == [])
    }

    @Test("many keys, many problems: bounded")
    func many() throws {
        let keys = (0..<15_000).map { "k\($0): 1\n" }.joined()
        #expect(try diagnostics(Array(("version: 1\n" + keys).utf8)).count == 100)
        let values = "version: 1\nfinal:\n" + String(repeating: "- a\n", count: 30_000)
        #expect(try diagnostics(Array(values.utf8)).contains { $0.message == "too many values" })
        let same = String(repeating: "network: none\n", count: 5000)
        #expect(try diagnostics(Array(("version: 1\n" + same).utf8)).count > 10)
    }

    @Test(
        "names that are no policy's",
        arguments: ["", "../x", "a/b", "A", "-x", "a b", String(repeating: "a", count: 65)])
    func names(name: String) {
        #expect(problems(minimal, name: name).count == 1)
    }
}
