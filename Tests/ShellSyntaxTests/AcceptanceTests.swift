import ShellSyntax
import Testing

@Suite("Acceptance")
struct AcceptanceTests {
    @Test("the corpus is as large as it should be")
    func size() {
        #expect(CorpusRecord.all.count >= 400)
        #expect(CorpusRecord.all.filter(\.isRun).count >= 250)
        #expect(CorpusRecord.all.filter { $0.difference != nil }.count <= 10)
    }

    @Test("what bash -n and dash -n accept is accepted, and nothing else", arguments: RealShell.allCases)
    func agreement(shell: RealShell) throws {
        try #require(shell.exists)
        var compared = 0
        for record in CorpusRecord.all where shell == .bash || record.isPosix {
            let real = try shell.accepts(record.text)
            let own = (try? ShellParser.parse(record.text, dialect: shell.dialect)) != nil
            let differs = shell == .bash && record.difference != nil
            #expect((real == own) != differs, "\(shell) says \(real): \(record)")
            compared += 1
        }
        #expect(compared >= 300)
    }
}
