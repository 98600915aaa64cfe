import Glibc
import LinuxSystem

/// Another way to start `/bin/true` in isolation, as a whole process.
struct Tool: Sendable {
    var name: String
    /// One after the other; most need one.
    var steps: [Program]

    init(_ name: String, _ steps: Program...) {
        self.name = name
        self.steps = steps
    }

    /// How long all steps took, in nanoseconds.
    func run() throws -> UInt64 { try steps.reduce(0) { try $0 + $1.run() } }
}

/// The tools of this host. Each has been tried once: what does not work here is said, and is no failure.
struct ToolSearch: Sendable {
    private(set) var found: [Tool] = []
    private(set) var missing: [String] = []
    private let scratch: ScratchDirectory

    /// - Parameter image: what Docker is to run.
    init(scratch: ScratchDirectory, image: String) throws {
        self.scratch = scratch
        consider("bubblewrap", "bwrap") { Self.bubblewrap($0) }
        consider("nsjail", "nsjail") { Self.nsjail($0) }
        consider("isolate", "isolate") { Self.isolate($0) }
        consider("firejail", "firejail") { Self.firejail($0) }
        let bundle = try OCIBundle(in: scratch)
        consider("runc", "runc") { bundle.tool("runc", $0) }
        consider("crun", "crun") { bundle.tool("crun", $0) }
        consider("docker", "docker") { Self.docker($0, image: image) }
    }

    subscript(name: String) -> Tool? { found.first { $0.name == name } }

    private mutating func consider(_ name: String, _ program: String, _ make: (String) -> Tool) {
        guard let path = Self.path(of: program) else {
            missing.append("\(name): not installed")
            return
        }
        add(make(path))
    }

    /// Takes a tool if it works.
    mutating func add(_ tool: Tool) {
        if let reason = trial(tool) { missing.append("\(tool.name): \(reason)") } else { found.append(tool) }
    }

    /// Why it does not work, in its own words.
    private func trial(_ tool: Tool) -> String? {
        let log = "\(scratch.path)/trial"
        let file = OwnedDescriptor(owning: open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600))
        do {
            for step in tool.steps { try step.tryOut(Program.Streams(errors: file.number), seconds: 20) }
            return nil
        } catch {
            let words = ((try? wholeFile(log)) ?? "").split(separator: "\n").first.map { ": \($0.prefix(160))" }
            return "does not work here: \(error)\(words ?? "")"
        }
    }

    private static func path(of program: String) -> String? {
        ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"].map { "\($0)/\(program)" }
            .first { access($0, X_OK) == 0 }
    }

    // MARK: - Each in its usual isolating configuration: all namespaces, /usr read-only, no network

    private static let roots = ["lib", "lib64", "bin", "sbin"].filter { access("/\($0)", F_OK) == 0 }

    private static func bubblewrap(_ path: String) -> Tool {
        var arguments = ["--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr"]
        for name in roots {
            let isLink = readlinkText("/\(name)") != nil
            arguments += isLink ? ["--symlink", "usr/\(name)", "/\(name)"] : ["--ro-bind", "/\(name)", "/\(name)"]
        }
        arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--clearenv"]
        return Tool("bubblewrap", Program(path, arguments + ["--", "/bin/true"]))
    }

    private static func nsjail(_ path: String) -> Tool {
        let mounts = (["usr"] + roots).flatMap { ["-R", "/\($0)"] }
        let who = ["--user", "65534", "--group", "65534"]
        return Tool("nsjail", Program(path, ["-Mo", "-Q"] + who + mounts + ["-T", "/tmp", "--", "/bin/true"]))
    }

    /// Its box is made and removed for every run: that is what a fresh one takes.
    private static func isolate(_ path: String) -> Tool {
        func step(_ arguments: String...) -> Program { Program(path, ["--box-id=99", "--silent"] + arguments) }
        return Tool("isolate", step("--init"), step("--run", "--", "/bin/true"), step("--cleanup"))
    }

    private static func firejail(_ path: String) -> Tool {
        let options = [
            "--quiet", "--noprofile", "--private", "--private-dev", "--net=none", "--caps.drop=all", "--seccomp",
            "--nonewprivs",
        ]
        return Tool("firejail", Program(path, options + ["--", "/bin/true"]))
    }

    private static func docker(_ path: String, image: String) -> Tool {
        Tool(
            "docker",
            Program(
                path,
                [
                    "--host", "unix://\(DockerPart.socket)", "run", "--rm", "--pull=never", "--network=none", image,
                    "/bin/true",
                ]))
    }
}

/// Where a symbolic link leads, `nil` for what is none.
private func readlinkText(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink(path, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
}
