import ShellSyntax
import Testing

@Suite("Words")
struct WordTests {
    @Test(
        "quotes",
        arguments: [
            (#"r"m" -r'f' /"#, "rm -rf /"), (#"\rm 'r'm "rm""#, "rm rm rm"), (#"a "b c" 'd e'"#, "a 'b c' 'd e'"),
            (#"a '' """#, "a '' ''"), (#"a "\$x \"\`\\ \e""#, #"a '$x "`\ \e'"#), ("a\\\nb c\\\n d", "ab c d"),
            (#"a $'\x41\102\u0043\t' $'a\0b'c"#, "a 'ABC\t' ac"), (#"a $"b c""#, "a 'b c'"), ("a#b #c", "a#b"),
            (#"a '$x' \$x"#, "a $x $x"), ("a $ \"$\" $%", "a $ $ $%"),
        ])
    func quotes(text: String, expected: String) throws {
        #expect(try listed(text) == [expected])
    }

    @Test("POSIX shells know neither $'' nor $\"\" nor braces")
    func posixWords() throws {
        #expect(try listed(#"a $'b' $"c" {d,e}"#, .posix) == ["a $b $c {d,e}"])
        #expect(try listed("a &>f b", .posix) == ["a", "b > f"])
        #expect(try listed("a &>f b") == ["a b &> f"])
        for text in [
            "a $'b'", "{ a; } &>f", "[[ a ]]", "((1))", "a <(b)", "a <<<b", "a=(b)", "a |& b", "x+=1", "a[1]=2",
        ] {
            #expect(try ShellParser.parse(text).dependsOnDialect, "\(text)")
        }
        for text in ["a 'b' | c && d", "f() { a; }; f", "a <<E\nE", "a $(b) ${c:-d} $((1))"] {
            #expect(try !ShellParser.parse(text).dependsOnDialect, "\(text)")
        }
    }

    @Test(
        "braces",
        arguments: [
            ("a {b,c}d", "a bd cd"), ("a {b,{c,d}}", "a b c d"),
            ("a {1..3} {c..a} {01..3} {1..5..2}", "a 1 2 3 c b a 01 02 03 1 3 5"),
            ("a {} {x} {,} '{a,b}' \\{a,b}", "a {} {x} {a,b} {a,b}"), ("a {b,'c d'}", "a b 'c d'"),
            ("a {b,$x}", "a b ?*"), ("a {b {c,d}", "a {b c d"), ("rm -rf {/,x}", "rm -rf / x"),
            ("a x{b,c}{d,e}", "a xbd xbe xcd xce"),
        ])
    func braces(text: String, expected: String) throws {
        #expect(
            try listed(text) == [expected])
    }

    @Test(
        "too many words of one are undecided",
        arguments: ["{1..100000}", "{1..400}{1..400}", "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"])
    func manyWords(word: String) throws {
        #expect(try listed("a \(word) b") == ["a ?* b"])
    }

    @Test(
        "tilde, globs and what is unknown",
        arguments: [
            ("rm ~ ~/x $HOME \"$HOME/y\" '~'", "rm ~ ~/x ~ ~/y '~'"), ("a ~root \"~\" a~", "a ? '~' 'a~'"),
            ("HOME=/x; a ~ $HOME", "a ? ?*"), ("a *.c [ab] [ 'x*'", "a <*>.c <[>ab<]> [ x*"),
            ("a $x \"$x\" b$x", "a ?* ? b?*"),
            ("a $(b) \"`c`\" $((1))", "a ?* ? ?*"), ("a \"$@\" $*", "a ?* ?*"), ("a \"${x[@]}\" \"${x:-b}\"", "a ?* ?"),
            ("dd of=~/x", "dd of=~/x"),
        ])
    func unknown(text: String, expected: String) throws {
        #expect(try listed(text).last == expected)
    }

    @Test(
        "variables are followed where their value is certain",
        arguments: [
            ("X=rm; $X -rf /", "rm -rf /"), ("A=r B=m; $A$B x", "rm x"), ("X='rm -rf /'; $X", "rm -rf /"),
            ("X='a b'; c \"$X\"", "c 'a b'"), ("X=a; export X=b; c $X", "c b"), ("X=a; Y=$X; c $Y", "c a"),
            ("X=$(y); c $X", "c ?*"), ("X=a; if y; then X=b; fi; c $X", "c ?*"),
            ("X=a; while y; do X=b; done; c $X", "c ?*"),
            ("X=a; f() { X=b; }; f; c $X", "c ?*"), ("X=a; eval y; c $X", "c ?*"), ("X=a; read X; c $X", "c ?*"),
            ("X=a; (X=b); c $X", "c a"), ("X=a; y && X=b; c $X", "c ?*"), ("X=a; X=b y; c $X", "c ?*"),
            ("X=a; trap y DEBUG; c $X", "c ?*"), ("IFS=x; X=axb; c $X", "c ?*"), ("declare -u X; X=a; c $X", "c ?*"),
            ("X=a; ((X=1)); c $X", "c ?*"), ("X='*'; c $X \"$X\"", "c <*> *"), ("X=a; $Y; c $X", "c ?*"),
            ("PATH=a; c $PATH", "c ?*"),
            ("X=a; : $((X += 1)); c $X", "c ?*"), ("X=a; : ${X:=b}; c $X", "c ?*"), ("c $X", "c ?*"),
            ("X=a; X+=b; c $X", "c ?*"),
            ("X=a & c $X", "c ?*"), ("X=a; eval \"$X\"", "eval a"), ("eval y; X=a; c $X", "c ?*"),
            ("while y; do X=a; c $X; eval z; done", "eval z"), ("f() { eval y; }; X=a; c $X", "c ?*"),
            ("unset X; c $X", "c ?*"), ("X=a; for X in b; do :; done; c $X", "c ?*"),
        ])
    func variables(text: String, expected: String) throws {
        #expect(try listed(text).last == expected)
    }

    @Test("positional parameters, where they are given")
    func positional() throws {
        #expect(try listed("\"$@\"; $1 x", positional: ["sh", "rm", "-rf", "/"]) == ["rm -rf /", "rm x"])
        #expect(try listed("\"$@\"", positional: ["sh"]) == [""])
        #expect(try listed("shift; a \"$@\"", positional: ["sh", "b"]).last == "a ?*")
        #expect(try listed("f() { a \"$@\"; }; f", positional: ["sh", "b"]).first == "a ?*")
    }

    @Test("values that grow without end become unknown")
    func growth() throws {
        let doubling = "x=" + String(repeating: "a", count: 1000) + String(repeating: "; x=$x$x", count: 60) + "; c $x"
        let doubled = try #require(try listed(doubling).last)
        #expect(doubled.hasPrefix("c ?*") && !doubled.contains("a") && doubled.utf8.count < 4096)
        let many = "x=" + String(repeating: "a", count: 4000) + "; c " + String(repeating: "$x", count: 10_000)
        let last = try #require(try listed(many).last)
        #expect(last.utf8.count < 2 << 20 && last.hasSuffix("?*"))
    }
}
