import LaunchPlan
import SandboxModel
import SandboxPolicy

/// The reader of policy files, and everything that is done with a policy that was read. Whether it is fast enough is
/// libFuzzer's to say (`-timeout`, `-rss_limit_mb`).
enum PolicyTarget {
    private static let builtIn: PolicySet = {
        do { return try PolicySet.builtIn() } catch { fatalError("built-in policies: \(error)") }
    }()

    static func run(_ bytes: [UInt8]) {
        do throws(PolicyErrors) {
            let set = try PolicySet.load(files: [("fuzzed", bytes)], over: builtIn)
            guard let policy = set["fuzzed"] else { fatalError("a policy that was read is not there") }
            use(policy)
            let warnings = PolicyLint.warnings(in: set, of: ["fuzzed"], on: .unknown)
            if !warnings.isEmpty { check(PolicyErrors(diagnostics: warnings), of: bytes) }
        } catch {
            check(error, of: bytes)
            runAsTests(bytes)
        }
    }

    /// What is no policy may be a policy's tests.
    private static func runAsTests(_ bytes: [UInt8]) {
        do throws(PolicyErrors) {
            let tests = try PolicyTestFile(path: "fuzzed.yaml", contents: bytes)
            for name in builtIn.names {
                guard let policy = builtIn[name] else { continue }
                for outcome in tests.run(on: policy, host: .unknown) {
                    guard let failure = outcome.failure else { continue }
                    check(PolicyErrors(diagnostics: [failure]), of: bytes)
                }
            }
        } catch {
            check(error, of: bytes)
        }
    }

    /// A file is refused with its problems, each at a place in the file and fit to be shown.
    private static func check(_ errors: PolicyErrors, of bytes: [UInt8]) {
        require(!errors.diagnostics.isEmpty, "refused without a reason")
        // The parser's end of the text is behind the last line.
        let lines = bytes.count { $0 == 0x0A } + 2
        for diagnostic in errors.diagnostics {
            let (line, column) = (diagnostic.location.line, diagnostic.location.column)
            require(diagnostic.location.file == "fuzzed.yaml", "a problem in another file: \(diagnostic)")
            require(line >= 1 && line <= lines && column >= 1, "a problem at \(line):\(column) of \(lines) lines")
            require(!diagnostic.message.isEmpty, "a problem without a message")
        }
        let shown = errors.description
        require(shown.unicodeScalars.allSatisfy(isPrintable), "control characters in \(shown.debugDescription)")
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control: scalar == "\n" || scalar == "\t"
        case .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }

    private static func use(_ policy: Policy) {
        readsBack(policy)
        let command = LauncherCommand.policy(policy.compiled())
        require((try? LauncherCommand(decoding: command.encoded)) == command, "the launcher cannot read the policy")
        for argv in [["rm", "-rf", "/"], ["/usr/bin/python3", "-c", "1"], ["sh", "-c", "echo $x"], [""], []] {
            let explained = policy.explain(argv: argv)
            if case .allowed = policy.judge(argv: argv) {
                require(explained.allowed, "judged otherwise than explained: \(argv)")
            } else {
                require(!explained.allowed, "judged otherwise than explained: \(argv)")
            }
        }
        for name in ["ptrace", "mount", "@network", "no such call", ""] {
            require(!policy.explain(systemCall: name).text.isEmpty, name)
        }
        for path in ["/etc/passwd", "/usr/bin/python3", "/", "/tmp/x", "~/x", "relative/../x", ""] {
            for access in PathAccess.allCases {
                require(!policy.explain(path: path, access: access).text.isEmpty, path)
            }
        }
        for target in ["localhost:80", "[::1]:8080", "example.org:443", ":", ""] {
            require(!policy.explain(connect: target).text.isEmpty, target)
        }
        narrows(policy)
    }

    /// The policy's own limits can be asked for, and nothing is wider than they are: refused, with the range.
    private static func narrows(_ policy: Policy) {
        let own = policy.limits
        do throws(ServiceError) {
            let narrowed = try policy.narrowed(by: own, workspaceInMemory: false)
            require(narrowed == own, "the policy's own limits are others in a request")
        } catch {
            fatalError("the policy's own limits are refused: \(error)")
        }
        let fields: [WritableKeyPath<Limits, UInt64?>] = [
            \.memoryBytes, \.swapBytes, \.processes, \.openFiles, \.fileSizeBytes, \.outputBytes, \.tmpBytes,
            \.stdoutBytes, \.workspaceBytes, \.readBytesPerSecond, \.wallMilliseconds, \.graceMilliseconds,
        ]
        for field in fields {
            for amount in [(own[keyPath: field] ?? 1 << 50) + 1, .max] {
                var wide = Limits()
                wide[keyPath: field] = amount
                require((try? policy.narrowed(by: wide)) == nil, "a request widened the policy: \(wide)")
            }
        }
    }

    /// What `policy show --effective` prints is the same policy.
    private static func readsBack(_ policy: Policy) {
        let shown = PolicyRenderer.effective(policy)
        do throws(PolicyErrors) {
            let again = try PolicySet.load(files: [("fuzzed", Array(shown.utf8))], over: builtIn)["fuzzed"]
            require(again?.digest == policy.digest, "the effective policy is another one:\n\(shown)")
        } catch {
            fatalError("the effective policy cannot be read:\n\(error)\n\(shown)")
        }
    }

    static var seeds: [[UInt8]] {
        let whole = builtIn.names.compactMap { builtIn.text(of: $0) }.map { Array($0.utf8) }
        return whole + written.map { Array($0.utf8) }
    }

    private static let written = [
        """
        version: 1
        policy: python
        tests:
          - { command: [python3, -c, "print(1)"], allow: true }
          - { path: /etc/shadow, access: read, allow: false }
          - { connect: "localhost:80", allow: false }
        """,
        """
        version: 1
        extends: default
        description: Python on a workspace, no network
        filesystem: { read: [/usr, /etc/ssl], hide: [/usr/share/doc], tmp: 64MiB, shm: 16MiB }
        workspace: { roots: [~, /srv/agents], mode: write, size: 512MiB, inodes: 100000, execute: false }
        commands:
          allow: [{ program: /usr/bin/*, arguments: ["-c"] }]
          deny: [{ program: rm, arguments: ["-rf", "/"], reason: deletes the root, hint: name a folder }]
        environment: { pass: [LANG, "LC_*"], set: { PYTHONDONTWRITEBYTECODE: "1" } }
        network: loopback
        syscalls: { allow: [ptrace], deny: [chmod] }
        limits: { memory: 512MiB, cpus: 1.5, processes: 64, open-files: 256, file-size: 100MiB, output: 10MiB,
                  timeout: 30s, cpu-time: 20s, idle: 10s, swap: 0B, stdout: 8MiB, stderr: 1MiB, grace: 500ms,
                  read-rate: 50MiB, write-rate: 10MiB }
        """,
        """
        version: 1
        extends: deny-all
        final: [limits, network]
        limits:
          memory: 1GiB
          timeout: 1m
        """,
        "version: 1\nextends: default\nlimits: { timeuot: 30s }\n",
        "version: 1\nextends: default\nfinal: [limits]\nlimits: { swap: 1GiB, grace: 5m, read-rate: 64KiB }\n",
        "version: 1\nextends: deny-all\nworkspace: { size: 4KiB, inodes: 2 }\nlimits: { stdout: 1B, stderr: 1024TiB }\n",
        "version: 1\npolicy: default\ntests:\n  - { limit: grace, is: 500ms }\n  - { limit: swap, at-most: 0B }\n",
        "version: 1\nextends: fuzzed\nnetwork: &a none\n",
    ]
}
