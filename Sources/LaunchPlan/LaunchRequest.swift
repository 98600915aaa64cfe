/// One run, as sandboxd asks the launcher for it. The launcher trusts none of it.
package struct LaunchRequest: Sendable, Equatable {
    /// sandboxd's number for the run; not re-used while the launcher lives.
    package var run: UInt64
    package var policy: String
    /// Which policies it was judged by: 0 at the start, one more with each reload.
    package var generation: UInt32
    /// The connection whose peer, as the kernel names it, is the caller.
    package var client: UInt32
    /// Absolute host path, without `.` and `..` components; opened as the caller.
    package var workspace: String?
    /// Start directory: absolute inside the sandbox, or relative to the workspace.
    package var cwd: String
    package var argv: [String]
    /// `NAME=value` strings, the whole environment.
    package var environment: [String]
    package var limits: LaunchLimits
    /// The three descriptors are one terminal, which becomes the controlling one.
    package var terminal: Bool
    /// Run the launcher's own probe instead of a program. Such a request says nothing but its policy: the launcher takes
    /// arguments, environment and limits from the policy that it holds, and refuses one that names any.
    package var probe: Bool
    /// The run's public id, for people who look at containers; empty where nobody needs it.
    package var id: String

    package init(
        run: UInt64, policy: String, client: UInt32, workspace: String?, cwd: String, argv: [String],
        environment: [String], limits: LaunchLimits, terminal: Bool, probe: Bool = false, generation: UInt32 = 0,
        id: String = ""
    ) {
        self.id = id
        self.generation = generation
        self.run = run
        self.policy = policy
        self.client = client
        self.workspace = workspace
        self.cwd = cwd
        self.argv = argv
        self.environment = environment
        self.limits = limits
        self.terminal = terminal
        self.probe = probe
    }

    /// A probe of a policy.
    package static func probe(run: UInt64, policy: CompiledPolicy, generation: UInt32 = 0) -> LaunchRequest {
        LaunchRequest(
            run: run, policy: policy.name, client: ProbePlan.client, workspace: nil, cwd: "", argv: [], environment: [],
            limits: policy.maximum, terminal: false, probe: true, generation: generation)
    }

    /// How many arguments and variables a request may have in all.
    package static let maximumStrings = 16_384
    /// How many bytes they may have in all, NULs included. (Linux has 128 KiB for one string; the pages come out of
    /// the sandbox's stack.)
    package static let maximumStringBytes = 512 << 10
    /// One argument or variable, as `execve(2)` bounds it (MAX_ARG_STRLEN, with its NUL).
    package static let maximumStringLength = (128 << 10) - 1

    func encode(to writer: inout BinaryWriter) {
        writer.put(run)
        writer.put(policy)
        writer.put(generation)
        writer.put(client)
        writer.put(workspace != nil)
        writer.put(workspace ?? "")
        writer.put(cwd)
        writer.put(argv)
        writer.put(environment)
        limits.encode(to: &writer)
        writer.put(terminal)
        writer.put(probe)
        writer.put(id)
    }

    init(from reader: inout BinaryReader) throws(PlanError) {
        run = try reader.integer()
        policy = try reader.string("policy name", maximum: 64)
        generation = try reader.integer()
        client = try reader.integer()
        let hasWorkspace = try reader.bool("workspace")
        let path = try reader.string("workspace")
        workspace = hasWorkspace ? path : nil
        cwd = try reader.string("cwd")
        argv = try reader.strings(
            "argv", maximumCount: Self.maximumStrings, maximumBytes: Self.maximumStringLength)
        environment = try reader.strings(
            "environment", maximumCount: Self.maximumStrings, maximumBytes: Self.maximumStringLength)
        limits = try LaunchLimits(from: &reader)
        terminal = try reader.bool("terminal")
        probe = try reader.bool("probe")
        id = try reader.string("id", maximum: 64)
        guard probe || !argv.isEmpty else { throw .badValue("argv") }
        let bytes = argv.reduce(0) { $0 + $1.utf8.count + 1 } + environment.reduce(0) { $0 + $1.utf8.count + 1 }
        guard argv.count + environment.count <= Self.maximumStrings, bytes <= Self.maximumStringBytes else {
            throw .tooLarge("argv and environment")
        }
    }
}
