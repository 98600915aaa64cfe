import ShellSyntax
import Testing

/// The property that the command filter stands on: no program starts that was not predicted.
@Suite("Traced execution", .serialized, .timeLimit(.minutes(10)))
struct TraceTests {
    @Test("every program that a real shell starts was predicted", arguments: RealShell.allCases)
    func soundness(shell: RealShell) throws {
        try #require(shell.exists)
        let recorder = try Recorder()
        defer { recorder.remove() }
        var started = 0
        var decided = 0
        var caught = 0
        for record in CorpusRecord.all where record.isRun && (shell == .bash || record.isPosix) {
            let predicted = try Comparer.predictions(record.text, shell.dialect)
            let trace = try recorder.run(record.text, with: shell)
            let missed = Comparer.missed(trace, in: predicted)
            #expect(
                missed.isEmpty, "\(shell) ran \(missed), predicted \(predicted.map { $0.map(\.segments) }): \(record)")
            started += trace.count
            decided += trace.count { argv in
                predicted.contains { $0.allSatisfy { $0.literal != nil } && Comparer.fits($0[...], argv[...]) }
            }
            // The same predictions without those of one program that ran must not do.
            guard let victim = trace.first else { continue }
            let fewer = predicted.filter { !Comparer.fits($0[...], victim[...]) }
            if Comparer.missed(trace, in: fewer).contains(victim) { caught += 1 }
        }
        // Otherwise the recorder is broken, or the parser calls everything undecided.
        #expect(started >= (shell == .bash ? 500 : 250), "\(started)")
        #expect(decided * 10 >= started * 7, "\(decided) of \(started)")
        #expect(caught >= (shell == .bash ? 200 : 100), "\(caught)")
    }

    @Test("the comparison sees a wrong prediction")
    func mutants() throws {
        let recorder = try Recorder()
        defer { recorder.remove() }
        let trace = try recorder.run("show a 'b c' \"$HOME\" x*; X=1 other <<<x | last", with: .bash)
        #expect(trace.count == 3)
        func misses(_ text: String) throws -> Int {
            Comparer.missed(trace, in: try Comparer.predictions(text, .bash)).count
        }
        #expect(try misses("show a 'b c' \"$HOME\" x*; X=1 other <<<x | last") == 0)
        #expect(try misses("show a b c \"$HOME\" x*; other | last") == 1)
        #expect(try misses("show a 'b c' \"$HOME\"; other | last") == 1)
        #expect(try misses("show a 'b c' \"$HOME\" x* y; other | last") == 1)
        #expect(try misses("show a 'b c' \"$HOME\" y*; other | last") == 1)
        #expect(try misses("show a 'b c' /root x*; other more | last") == 2)
        #expect(try misses("other") == 2)
        #expect(try misses("") == 3)
        #expect(try misses("$anything") == 0)
    }
}
