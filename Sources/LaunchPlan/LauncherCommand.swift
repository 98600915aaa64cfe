/// The closed set of what the launcher does. One command is one message on the SOCK_SEQPACKET socket.
///
/// Pairs (sandboxd sends -> launcher answers):
///
///     policy(P)            -> policyReady, or policyRefused; only before `seal`
///     trust + socket       -> nothing; only before `seal`
///     audit                -> auditing, or auditRefused; only before `seal` and before any policy
///     reader(A) + file     -> nothing; only before `seal`
///     engine(P)            -> nothing; only before `seal` and before any policy
///     seal                 -> sealed
///     admit(C) + socket    -> nothing; the peer is read from the socket by the launcher itself
///     dismiss(C)           -> nothing
///     launch(R) + 3 fds    -> started then finished, or failed; a probe's R has no client
///     prepare(P)           -> nothing
///     signal(N, S)         -> nothing
///     stop(N)              -> nothing; finished comes when the command has ended
///     kill(N)              -> nothing; finished comes as always
///     sample(N)            -> sampled, unless the run is over
///     pool                 -> pool
///     reload               -> policyText (so many as it takes) then policiesReplaced, or reloadFailed
///     adopted(G)           -> nothing
package enum LauncherCommand: Sendable, Equatable {
    /// The launcher's argument where it is a service's.
    package static let serviceOption = "--service"

    case policy(CompiledPolicy)
    /// With one descriptor: the socket that is bound for listening, or the one connection that is served. No client that
    /// came another way is admitted.
    case trust
    /// Take Landlock's refusals from the host's audit messages.
    case audit
    /// How policies are read anew: arguments of sandboxd's program, whose file is the one descriptor. The launcher starts it, as
    /// root, when it is asked for a `reload`: what it reads does not pass through the sandboxd that serves.
    case reader(arguments: [String])
    /// Where the Docker Engine's socket is. Looked at when there is a policy with `backend: docker`.
    case engine(socket: String)
    /// The policies are complete.
    ///
    /// - Parameter warm: how many sandboxes are made ahead and wait; 0 for none.
    case seal(warm: UInt32 = 0)
    /// With one descriptor: the client's connected socket. The launcher reads its peer's uid, gid and groups and
    /// closes it.
    case admit(client: UInt32)
    case dismiss(client: UInt32)
    /// With three descriptors: standard input, output and error.
    case launch(LaunchRequest)
    /// A launch of this policy will come, if its probe finds that it holds: a sandbox may be made ready meanwhile. Done where
    /// nothing is made ahead anyway, and while none of this policy waits.
    case prepare(policy: String)
    /// A signal to the command's process group.
    case signal(run: UInt64, signal: Int32)
    /// Asks every process of the tree to end: SIGTERM, and SIGCONT for those that are stopped.
    case stop(run: UInt64)
    /// Ends the whole process tree.
    case kill(run: UInt64)
    case sample(run: UInt64)
    /// Asks what is made ahead, how often that was of use, and what is still being taken apart.
    case pool
    /// Read the policies anew. Whoever asks has no say in what is read.
    case reload
    /// Every further request is for policies of this generation.
    case adopted(generation: UInt32)

    /// The largest message; the socket's buffers are made large enough for it while sandboxd is root.
    package static let maximumBytes = 640 << 10

    package var encoded: [UInt8] {
        var writer = BinaryWriter()
        switch self {
        case .policy(let policy):
            writer.put(UInt8(1))
            policy.encode(to: &writer)
        case .seal(let warm):
            writer.put(UInt8(2))
            writer.put(warm)
        case .trust:
            writer.put(UInt8(9))
        case .audit:
            writer.put(UInt8(10))
        case .admit(let client):
            writer.put(UInt8(3))
            writer.put(client)
        case .dismiss(let client):
            writer.put(UInt8(4))
            writer.put(client)
        case .launch(let request):
            writer.put(UInt8(5))
            request.encode(to: &writer)
        case .signal(let run, let signal):
            writer.put(UInt8(6))
            writer.put(run)
            writer.put(signal)
        case .stop(let run):
            writer.put(UInt8(11))
            writer.put(run)
        case .kill(let run):
            writer.put(UInt8(7))
            writer.put(run)
        case .sample(let run):
            writer.put(UInt8(8))
            writer.put(run)
        case .pool:
            writer.put(UInt8(12))
        case .prepare(let policy):
            writer.put(UInt8(13))
            writer.put(policy)
        case .reader(let arguments):
            writer.put(UInt8(14))
            writer.put(arguments)
        case .reload:
            writer.put(UInt8(15))
        case .adopted(let generation):
            writer.put(UInt8(16))
            writer.put(generation)
        case .engine(let socket):
            writer.put(UInt8(17))
            writer.put(socket)
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(PlanError) {
        guard bytes.count <= Self.maximumBytes else { throw .tooLarge("message") }
        var reader = BinaryReader(bytes)
        switch try reader.integer(UInt8.self) {
        case 1: self = .policy(try CompiledPolicy(from: &reader))
        case 2: self = .seal(warm: try reader.integer())
        case 3: self = .admit(client: try reader.integer())
        case 4: self = .dismiss(client: try reader.integer())
        case 5: self = .launch(try LaunchRequest(from: &reader))
        case 6: self = .signal(run: try reader.integer(), signal: try reader.integer())
        case 7: self = .kill(run: try reader.integer())
        case 8: self = .sample(run: try reader.integer())
        case 9: self = .trust
        case 10: self = .audit
        case 11: self = .stop(run: try reader.integer())
        case 12: self = .pool
        case 13: self = .prepare(policy: try reader.string("policy"))
        case 14: self = .reader(arguments: try reader.strings("arguments", maximumCount: 256))
        case 15: self = .reload
        case 16: self = .adopted(generation: try reader.integer())
        case 17: self = .engine(socket: try reader.string("engine"))
        case let other: throw .unknownMessage(other)
        }
        try reader.finish()
    }
}
