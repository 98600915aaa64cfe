import ShellSyntax
import Testing

@Suite("Commands")
struct CommandTests {
    @Test(
        "every command is listed, wherever it stands",
        arguments: [
            ("a; b & c && d || e | f |& g", ["a", "b", "c", "d", "e", "f", "g"]),
            ("! a; time b; time -p c", ["a", "b", "c"]),
            ("(a; b); { c; }", ["a", "b", "c"]),
            ("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"]),
            ("while a; do b; done; until c; do d; done", ["a", "b", "c", "d"]),
            ("for x in $(a); do b; done", ["a", "b"]),
            ("for ((i = $(a); i < 3; i++)); do b; done", ["a", "b"]), ("select x in $(a); do b; done", ["a", "b"]),
            ("case $(a) in $(b)) c;; d) e;& *) f;; esac", ["a", "b", "c", "e", "f"]),
            ("f() { a; }; function g { b; }; function h() (c)", ["a", "b", "c"]),
            ("[[ -n $(a) && $(b) =~ x(y|z) ]]", ["a", "b"]),
            ("(( x = $(a) )); b $(( $(c) ))", ["a", "c", "b ?*"]),
            ("a \"$(b \"$(c)\")\" `d \\`e\\``", ["c", "b ?", "e", "d ?*", "a ? ?*"]),
            ("a ${x:-$(b)} \"${y#`c`}\" ${z[$(d)]}", ["b", "c", "d", "a ?* ? ?*"]),
            ("a <(b) >(c) < <(d)", ["b", "c", "d", "a ? ? < ?"]),
            ("x=$(a) y=(b $(c)); z[$(d)]=e", ["a", "c", "x=? y=?", "d", "z=?"]),
            ("a <<E\n$(b) `c`\nE", ["b", "c", "a << ?' '?'\n'"]),
            ("a <<'E'\n$(b)\nE\nc", ["a << '$(b)\n'", "c"]), ("a <<-E\n\tb\n\tE\nc", ["a <<- 'b\n'", "c"]),
            ("a <<<$(b)", ["b", "a <<< ?"]),
            ("a <<E <<F\n1\nE\n2\nF\nb", ["a << '1\n' << '2\n'", "b"]), ("coproc a; coproc N { b; }", ["a", "b"]),
            ("{ a; } >$(b) 2>&1", ["b", "> ?* >& 1", "a"]), ("\"${x:-'$(a)'}\"", ["a", "?"]),
            ("a $((b); c)", ["b", "c", "a ?*"]),
            ("declare x=($(a)) y=$(b)", ["a", "b", "declare x=?* y=?*"]),
            ("a[$(b)]=c; [ $(d) ]", ["b", "a=?", "d", "[ ?* ]"]),
            ("$[ $(a) ]", ["a", "?*"]), ("a $(case x in y) b;; esac)", ["b", "a ?*"]), ("a $(b # )\n)", ["b", "a ?*"]),
        ])
    func all(text: String, expected: [String]) throws {
        #expect(try listed(text) == expected)
    }

    @Test(
        "redirections",
        arguments: [
            ("a >b <c >>d 2>&1 <&- >|e <>f", "a > b < c >> d >& 1 <& - >| e <> f"), ("a &>b", "a &> b"),
            ("a &>>b", "a &>> b"),
            (">b a c", "a c > b"), ("a 2 >b a2>c", "a 2 a2 > b > c"), ("a {fd}>b", "a > b"),
            ("a > /dev/sd{a,b}", "a > ?*"),
        ])
    func redirections(text: String, expected: String) throws {
        #expect(try listed(text) == [expected])
    }

    @Test("descriptors, places and functions")
    func context() throws {
        let list = try ShellParser.parse("a 12>b | c & f() { d | (e; g); }").invocations()
        #expect(list[0].redirections[0].descriptor == 12)
        #expect(list[0].isBackground && list[1].isBackground && !list[2].isBackground)
        #expect(list[0].flows(into: list[1]) && !list[1].flows(into: list[0]) && !list[0].flows(into: list[2]))
        #expect(list.map(\.function) == [nil, nil, "f", "f", "f"])
        #expect(list[2].flows(into: list[3]) && list[2].flows(into: list[4]) && !list[3].flows(into: list[4]))
        #expect(list.map(\.position.column) == [1, 10, 20, 25, 28])
        let nested = try ShellParser.parse("a | { b $(c); }\nd").invocations()
        #expect(nested[0].flows(into: nested[1]) && nested[1].words == [ShellValue(literal: "c")])
        #expect(nested[2].words[1].sources == [1..<2])
        #expect(nested[3].position == ShellPosition(line: 2, column: 1))
    }

    @Test("what a command may read comes from the compound commands around it too")
    func outer() throws {
        let list = try ShellParser.parse("{ sh; $(x); } <f").invocations()
        #expect(list.map { $0.outerRedirections.map(\.target.literal) } == [[], ["f"], [], ["f"]])
    }

    @Test(
        "errors name what is wrong and where",
        arguments: [
            ("a 'b", "1:3: ''' is missing"), ("a \"b", "1:3: '\"' is missing"), ("a\n  $(b", "2:4: ')' is missing"),
            ("if a; then\nb", "2:2: 'fi' is missing"), ("a )", "1:3: unexpected ')'"),
            ("a\nb && ;c", "2:6: unexpected ';'"),
            ("while a; done", "1:10: unexpected 'done'"), ("if ; then a; fi", "1:4: unexpected ';'"),
            ("( )", "1:3: no command in ( )"),
            ("a >\nb", "1:4: unexpected end of the line"), ("a `b", "1:3: '`' is missing"), ("a\0b", "1:2: a NUL byte"),
            ("a ${b", "1:3: '}' is missing"), ("case x in a b", "1:13: unexpected 'b'"),
            ("f() a", "1:6: unexpected simple command as the body of a function"),
        ])
    func errors(text: String, expected: String) {
        #expect(problem(text) == expected)
    }
}
