import Testing

@testable import SandboxPolicy

@Suite struct PolicyPathTests {
    @Test(arguments: [
        ("rm", "rm"), ("/bin/rm", "rm"), ("bin/rm", "rm"), ("/usr/bin/", "bin"), ("/usr//bin//", "bin"), ("rm/", "rm"),
        ("/", ""), ("//", ""), ("", ""), ("é/ü", "ü"),
        // To the kernel a slash is a byte, whatever is written behind it; to Swift this one is part of a character.
        ("/bin/\u{301}rm", "\u{301}rm"), ("rm/\u{301}", "\u{301}"),
    ])
    func `the last component`(_ path: String, _ name: String) {
        #expect(Array(PolicyPath.lastComponent(path).utf8) == Array(name.utf8))
    }

    @Test(arguments: [
        ("/a/./b//c/../d/", "/a/b/d"), ("../a", "a"), ("/", "/"), ("", ""),
        ("/w/d/../\u{301}e/../../../usr/bin/curl", "/usr/bin/curl"), ("/\u{301}e/../x", "/x"),
        ("/opt/../\u{301}x", "/\u{301}x"),
    ])
    func `without detours`(_ path: String, _ normal: String) {
        #expect(Array(PolicyPath.normalised(path).utf8) == Array(normal.utf8))
    }
}
