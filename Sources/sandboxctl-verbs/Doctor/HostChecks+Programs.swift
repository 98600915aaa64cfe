import LaunchPlan

/// The programs that are installed together, and whether a service that runs is of the same version.
extension HostChecks {
    static func programs(_ host: HostFacts) -> [Finding] {
        host.programs.map { program(host, $0) } + [version(host), age(host)]
    }

    private static let meanings = [
        "sandboxd": "the daemon, also of 'exec --standalone'",
        "sandbox-launcher": "the root helper that builds sandboxes",
        "sandbox-init": "pid 1 of every sandbox",
        "sandbox-probe": "what proves a policy's confinement before it is served",
        "sandbox-docker": "what asks the engine for containers, for policies with 'backend: docker'",
    ]

    private static func program(_ host: HostFacts, _ program: HostFacts.Program) -> Finding {
        let problem: String?
        switch program.file {
        case nil: problem = program.absence ?? "not beside sandboxctl, nor in ../libexec or ../lib"
        case let file? where file.kind != .regular || file.mode & 0o111 == 0: problem = "not executable"
        // What is started as root must not be somebody else's to change; whoever tries out his own build is root's equal.
        case let file? where file.uid != 0 && file.uid != host.caller.uid: problem = "user \(file.uid) can change it"
        case let file? where file.mode & 0o002 != 0: problem = "everybody can change it"
        default: problem = told(program).map { "version \($0), and this is \(ProductVersion.text)" }
        }
        let detail = [program.path, problem].compactMap { $0 }.joined(separator: ": ")
        return Finding(
            .programs, program.name, found: problem == nil, program.name == "sandbox-docker" ? .useful : .needed,
            detail, means: meanings[program.name] ?? "",
            remedy: "install all programs again, from one package or by one 'make install'; they belong together")
    }

    /// Its version, where that is another one.
    private static func told(_ program: HostFacts.Program) -> String? {
        guard let text = program.version else { return nil }
        let version = text.split(whereSeparator: \.isWhitespace).last.map(String.init) ?? ""
        return version == ProductVersion.text ? nil : version
    }

    /// "sandboxd 0.1.0"; a service of before it said so is older.
    static func version(ofServer server: String) -> String? {
        let words = server.split(separator: " ")
        return words.count == 2 ? String(words[1]) : nil
    }

    private static func version(_ host: HostFacts) -> Finding {
        guard case .answers(let server, _, _, _, _) = host.service else {
            return Finding(
                .programs, "service-version", found: true, .useful, "no service runs that could be older",
                means: "a service that runs is of the version that is installed")
        }
        let version = version(ofServer: server)
        return Finding(
            .programs, "service-version", found: version == ProductVersion.text, .useful,
            version == ProductVersion.text
                ? ProductVersion.text
                : "the service that runs is \(version ?? "older than 0.1.0"), and \(ProductVersion.text) is installed",
            means:
                "a service that runs is of the version that is installed: after an upgrade it is the old one until it is restarted",
            remedy: "systemctl restart sandboxd.service")
    }

    /// By dates: a version says nothing where it did not change, as between two builds.
    private static func age(_ host: HostFacts) -> Finding {
        let units = Units(host.units)
        let microseconds = units.service("ExecMainStartTimestampMonotonic").flatMap { Int64($0) } ?? 0
        let installed = host.programs.filter { $0.path != nil }.compactMap { $0.file?.changed }.max()
        let isRunning = units.isServiceActive && microseconds > 0
        let started = host.now - host.monotonicSeconds + microseconds / 1_000_000
        let isOlder = isRunning && installed.map { $0 > started } ?? false
        return Finding(
            .programs, "service-age", found: !isOlder, .useful,
            !isRunning
                ? "systemd runs no sandboxd.service"
                : isOlder
                    ? "programs were installed after the service was started"
                    : "started after the programs were installed",
            means: "the service runs the programs that are installed", remedy: "systemctl restart sandboxd.service")
    }
}
