import SandboxModel
import Testing

@testable import SandboxExec

@Suite struct EventTextTests {
    private func data(_ lines: [EventLine]) -> [String?] { lines.map(\.data) }

    @Test func charactersAreNotTorn() {
        var text = EventText(name: "stdout")
        let bytes = Array("a\u{20AC}b".utf8)
        #expect(data(text.lines(for: Array(bytes[..<2]))) == ["a"])
        #expect(text.lines(for: Array(bytes[2..<3])).isEmpty)
        #expect(data(text.lines(for: Array(bytes[3...]))) == ["\u{20AC}b"])
        #expect(text.lastLines().isEmpty)
    }

    @Test func otherBytesAreBase64() {
        var text = EventText(name: "stderr")
        let lines = text.lines(for: [0xFF, 0x00, 0x80])
        #expect(lines.map(\.data) == [nil])
        #expect(lines.map(\.base64) == ["/wCA"])
        #expect(text.lines(for: [0xE2, 0x82]).isEmpty)
        #expect(text.lastLines().map(\.base64) == ["4oI="])
    }

    /// A cut inside a character makes that character's bytes base64, and nothing else.
    @Test func aGapTearsOneCharacterAndNoMore() {
        var text = EventText(name: "stdout")
        let euro = Array("\u{20AC}".utf8)
        #expect(data(text.lines(for: Array("head".utf8) + euro[..<1])) == ["head"])
        let gap = text.gap(123)
        #expect(gap.map(\.event) == ["stdout", "omitted"])
        #expect(gap.map(\.base64) == ["4g==", nil])
        #expect(gap.last?.stream == "stdout" && gap.last?.bytes == 123)
        let tail = text.lines(for: euro[2...] + Array("tail".utf8))
        #expect(tail.map(\.base64) == ["rA==", nil] && data(tail) == [nil, "tail"])
        // Only right behind the gap.
        #expect(text.lines(for: [0x80]).map(\.base64) == ["gA=="])
    }
}
