/// What a container engine answered whoever asks.
struct EngineFacts: Sendable {
    enum Answer: Sendable, Equatable {
        /// By connect(2)'s errno.
        case unreachable(Int32)
        /// It took the connection and did not answer in so long.
        case silent(milliseconds: Int32)
        /// It is no engine, or nothing that is known as one.
        case incomprehensible
        /// - Parameter interface: the newest version of its interface, "1.41".
        case answers(interface: String)
    }

    var answer: Answer
    /// Whether it has an image, by the name that policies have for it. Those of which it did not say are not in here.
    var images: [String: Bool] = [:]
    /// The same of networks.
    var networks: [String: Bool] = [:]
    /// Its security options, "name=userns" among them; `nil` where it did not say.
    var security: [String]?
}

/// What the service's policies want of an engine.
struct EngineNeed: Sendable, Equatable {
    struct Image: Sendable, Equatable {
        var policy: String
        var name: String
        /// The engine fetches it when a run needs it.
        var isFetched: Bool
        /// That the policy's containers join; `nil`: none.
        var network: String?
    }

    /// Path of the engine's socket, as the service is told of it.
    var socket: String
    var images: [Image]

    /// Of sandboxd, where it is told of none.
    static let standardSocket = "/run/docker.sock"
    /// Of the engine's interface: Docker 20.10. sandbox-docker's own.
    static let oldestInterface = (major: 1, minor: 41)
}
