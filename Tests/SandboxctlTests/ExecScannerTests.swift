import ArgumentParser
import SandboxModel
import Testing

@testable import SandboxExec
@testable import sandboxctl_verbs

/// `sandboxctl exec` reads its options twice over: what the scanner takes, ArgumentParser must take for the same.
@Suite struct ExecScannerTests {
    private static let command = ["--", "true"]

    /// Command lines that both take.
    static let taken: [[String]] = [
        command, ["--", "sh", "-c", "exit 1", "--", "--policy", "x"], ["--", "--help"], ["--", "ls", "--help", "-h"],
        ["--", ""], ["--", "--"], ["--", "-"], ["--policy", "python"] + command, ["--policy=python"] + command,
        ["--policy", "a=b"] + command, ["--policy=a=b"] + command, ["--policy=--x"] + command,
        ["--policy", "a", "--policy", "b"] + command, ["--workspace", "."] + command, ["--cwd", "sub"] + command,
        ["--env", "A=1", "--env=B=2=3", "--env", "A=2"] + command, ["--env", "A="] + command,
        ["--stdin", "-"] + command, ["--stdin=-"] + command, ["--stdin", "file"] + command,
        ["--timeout", "10s", "--cpu-time=5s", "--idle", "5s", "--grace", "0s"] + command,
        ["--memory", "256MiB", "--swap", "0B", "--cpus", "1.5", "--processes", "64", "--open-files", "256"] + command,
        ["--file-size", "1MiB", "--output", "10MiB", "--stdout", "8MiB", "--stderr", "1MiB"] + command,
        ["--tmp", "64MiB", "--workspace-size", "512MiB", "--workspace-inodes", "10000"] + command,
        ["--read-rate", "50MiB", "--write-rate", "10MiB"] + command,
        ["--memory", "1MiB", "--memory", "2MiB"] + command,
        ["--keep-stdout", "head:64KiB,tail:64KiB", "--keep-stderr=tail:1KiB"] + command, ["--usage", "1s"] + command,
        ["--tty"] + command, ["--tty", "--tty"] + command, ["--json", "--trace", "--quiet"] + command,
        ["--report", "r.json", "--trace"] + command, ["--socket", "/run/s"] + command, ["--standalone"] + command,
        ["--accept-weaker", "memory", "--accept-weaker=own-uid"] + command,
    ]

    @Test(arguments: taken) func `both take it for the same`(words: [String]) throws {
        let scanned = try #require(ExecScanner.scan(["sandboxctl", "exec"] + words))
        #expect(scanned == (try ExecCommand.parse(words).options))
    }

    /// Command lines that are ArgumentParser's: wrong, or not worth a second definition.
    static let left: [[String]] = [
        [], ["true"], ["--"], ["true", "--", "true"], ["--help"] + command, ["-h"] + command, ["--version"] + command,
        ["--explain"] + command, ["--polic", "x"] + command, ["-policy", "x"] + command, ["--policy"],
        ["--policy"] + command,
        ["--policy", "-x"] + command, ["--policy", "--json"] + command, ["--policy", ""] + command,
        ["--policy="] + command,
        ["--tty=true"] + command, ["--no-tty"] + command, ["--env", "A"] + command, ["--env", "=A"] + command,
        ["--timeout", "10"] + command, ["--timeout", "-1"] + command, ["--timeout", "--"], ["--timeout"] + command,
        ["--cpus", "1.2345"] + command, ["--keep-stdout", "middle:1B"] + command, ["--usage", "1ms"] + command,
        ["--trace"] + command, ["--standalone", "--socket", "s"] + command, ["-"] + command, ["--=x"] + command,
        ["---policy", "x"] + command, ["--accept-weaker", "all"] + command, ["--accept-weaker"] + command,
    ]

    @Test(arguments: left) func `left to ArgumentParser`(words: [String]) {
        #expect(ExecScanner.scan(["sandboxctl", "exec"] + words) == nil)
    }

    @Test func `other verbs are not its own`() {
        #expect(ExecScanner.scan([]) == nil)
        #expect(ExecScanner.scan(["sandboxctl", "ps", "--", "true"]) == nil)
        #expect(ExecScanner.scan(["sandboxctl", "--help"]) == nil)
    }

    /// One that is added to ArgumentParser's command alone would be read, slowly, by that one only.
    @Test func `every option but explain is known to the scanner`() {
        let help = ExecCommand.helpMessage(columns: 200)
        let names = help.split(separator: "\n").compactMap { line -> Substring? in
            let words = line.split(separator: " ")
            guard line.hasPrefix("  --"), let first = words.first else { return nil }
            return first.dropFirst(2)
        }
        #expect(names.count > 30)
        let known = Self.taken.joined().filter { $0.hasPrefix("--") }.map { $0.dropFirst(2).prefix { $0 != "=" } }
        #expect(Set(names).subtracting(known) == ["explain"])
    }
}
