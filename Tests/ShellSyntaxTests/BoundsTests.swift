import ShellSyntax
import Testing

/// Whatever the bytes are: a tree or an error, soon, and no crash.
@Suite("Bounds", .timeLimit(.minutes(2)))
struct BoundsTests {
    @Test(
        "deep nesting is refused",
        arguments: [
            "$(", "${a:-", "`", "(", "{ ", "if ", "while ", "\"$(", "$((", "((", "a[", "<(", "[[ ( ", "case x in a) ",
            "f() { ", "a=(",
            "for x in a; do ", "coproc ", "! ", "$[", "\"${a-'$(", "a <<E\n$(", "function f { ", "{a,", "${a/\"",
            "time ", "[[ a =~ (",
        ])
    func nesting(unit: String) throws {
        let deep = String(repeating: unit, count: 30_000)
        // `! ! !` is no nesting, two backquotes are an empty command, and braces need no end.
        #expect(problem(String(deep.prefix(200_000))) != nil || ["{a,", "`", "! ", "time "].contains(unit))
        _ = try? ShellParser.parse(String(deep.prefix(200_000)), dialect: .posix)
        if unit == "{a," { _ = try listed(String(deep.prefix(200_000))) }
    }

    @Test("constructs of ordinary depth are read")
    func depth() throws {
        let text = String(repeating: "( ", count: 30) + "a" + String(repeating: " )", count: 30)
        #expect(try listed(text).count == 1)
        #expect(
            try listed("a " + String(repeating: "$( (b); c ", count: 10) + String(repeating: ")", count: 10)).count
                == 21)
    }

    @Test("what looks like arithmetic and is none costs no more than its length times its depth")
    func arithmetic() throws {
        let text = String(repeating: "$((a; ", count: 15) + String(repeating: ");b) ", count: 15)
        #expect(try listed("x " + text).count > 15)
        _ = problem(String(repeating: "$(( ", count: 20_000))
        _ = problem(String(repeating: "((a) ", count: 20_000))
    }

    @Test(
        "large texts",
        arguments: [
            "a b c; ", "a | ", "$x ", "'a' ", "a\n", "a <<E\nb\nE\n", "x=$x$x; ", "{a,b} ", "a & ", "\\\n", "# \n",
            "$(a) ", "f() { a; }; ", "if a; then b; fi; ", "[[ a ]]; ",
        ])
    func size(unit: String) throws {
        let count = 250_000 / unit.utf8.count
        let text = String(repeating: unit, count: count)
        do throws(ShellSyntaxError) {
            let program = try ShellParser.parse(text)
            do throws(ShellSyntaxError) {
                #expect(try program.invocations().count <= ShellProgram.maximumInvocations)
            } catch {
                #expect(error.reason == .tooComplex)
            }
        } catch {
            #expect(unit == "a | " || unit == "x=$x$x; ", "\(error)")
        }
        let larger = [UInt8](repeating: 0x61, count: ShellParser.maximumBytes + 1)
        #expect(throws: ShellSyntaxError.self) { try ShellParser.parse(larger) }
    }

    @Test("random punctuation is read alike twice and never crashes")
    func punctuation() {
        let alphabet = Array("abx1=$(){}[]<>|&;!#'\"`\\ \n\t*?~/-+:,@%^E".utf8)
        var state: UInt64 = 7
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        var accepted = 0
        for _ in 0..<20_000 {
            let bytes = (0..<(next() % 40)).map { _ in alphabet[Int(next() % UInt64(alphabet.count))] }
            for dialect in [ShellDialect.bash, .posix] {
                guard let program = try? ShellParser.parse(bytes, dialect: dialect) else { continue }
                accepted += (try? program.invocations().count) == nil ? 0 : 1
            }
        }
        #expect(accepted > 500)
    }

    @Test("every prefix and every changed byte of the corpus")
    func mutated() {
        var read = 0
        for record in CorpusRecord.all {
            let bytes = Array(record.text.utf8)
            for index in bytes.indices {
                var changed = bytes
                changed[index] = [0x22, 0x27, 0x28, 0x60, 0x7D, 0xFF, 0x0A][index % 7]
                for text in [Array(bytes[..<index]), changed] {
                    if let program = try? ShellParser.parse(text) {
                        read += (try? program.invocations()) == nil ? 0 : 1
                    }
                }
            }
        }
        #expect(read > 1000)
    }
}
