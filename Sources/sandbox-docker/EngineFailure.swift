import Glibc
import LaunchPlan
import LinuxSystem

/// Why the engine did not do what it was asked.
enum EngineFailure: Error, Equatable {
    /// Nobody is at its socket, or it is not for this process.
    case unreachable(errno: Int32)
    /// It has closed the connection without an answer.
    case closed
    /// It has not done this in time.
    case slow(String)
    /// Asked too often without success: nobody asks it before so many milliseconds.
    case resting(milliseconds: UInt64)
    /// What it says is not what its interface says.
    case incomprehensible(String)
    /// Its interface is too old or too new.
    case version(String)
    /// Another one has taken its place since its interface was negotiated.
    case replaced
    /// Its own words.
    case refused(status: Int, String)
    /// The launcher has taken the policy back.
    case policyForgotten
    case imageMissing(String)
    case imagePulling(String)
    /// In the engine's words; whether it may be there another time.
    case imageUnfetched(String, mayCome: Bool)
    /// The image asks for something that no policy gives.
    case imageUnfit(String)

    /// Whether it says nothing of the request but of the engine, so that others would fail too.
    var isTheEngines: Bool {
        switch self {
        case .unreachable, .closed, .slow, .incomprehensible, .replaced: true
        case .resting, .version, .refused, .imageMissing, .imagePulling, .imageUnfetched, .imageUnfit,
            .policyForgotten:
            false
        }
    }

    /// As the launcher passes it on.
    ///
    /// - Parameters:
    ///   - stage: what it was asked for.
    ///   - engine: its socket.
    func launchFailure(at stage: LaunchStage, engine: String) -> LaunchFailure {
        var failure = failure(at: stage, engine)
        failure.subject = failure.subject.printable
        return failure
    }

    private func failure(at stage: LaunchStage, _ engine: String) -> LaunchFailure {
        switch self {
        case .unreachable(let code):
            LaunchFailure(.containerEngine, errno: code, engine, retryAfterMilliseconds: 1000)
        case .closed:
            LaunchFailure(
                .containerEngine, errno: ECONNRESET, "\(engine) closed the connection", retryAfterMilliseconds: 1000)
        case .slow(let what):
            LaunchFailure(
                stage.ofTheEngine, errno: ETIMEDOUT, "the engine did not \(what) in time", retryAfterMilliseconds: 5000)
        case .resting(let wait):
            LaunchFailure(
                .containerEngine, errno: ECONNREFUSED, "\(engine), which has failed and is not asked for a while",
                retryAfterMilliseconds: wait)
        case .incomprehensible(let what):
            LaunchFailure(
                .containerEngine, errno: EPROTO, "\(engine) says what is not understood: \(what)",
                retryAfterMilliseconds: 5000)
        case .version(let what): LaunchFailure(.containerEngine, what)
        case .replaced:
            LaunchFailure(
                .containerEngine, errno: ESTALE, "\(engine), where another engine answers now",
                retryAfterMilliseconds: 100)
        case .policyForgotten: LaunchFailure(.refused, errno: ESTALE, "the policy was replaced")
        case .imageMissing(let image): LaunchFailure(.containerImage, errno: ENOENT, image)
        case .imagePulling(let image):
            LaunchFailure(
                .containerImage, errno: EINPROGRESS, "\(image), which is being fetched", retryAfterMilliseconds: 5000)
        case .imageUnfetched(let why, let mayCome):
            LaunchFailure(.containerImage, errno: EIO, why, retryAfterMilliseconds: mayCome ? 5000 : nil)
        case .imageUnfit(let why): LaunchFailure(.containerImage, errno: EINVAL, why)
        case .refused(let status, let words): Self.refusal(stage, status, words)
        }
    }

    private static func refusal(_ stage: LaunchStage, _ status: Int, _ words: String) -> LaunchFailure {
        let isFull = words.contains("no space left on device")
        // 5xx may be the moment's; 4xx is the request's, but for a conflict: names and states of the next are others.
        return LaunchFailure(
            status >= 500 ? stage.ofTheEngine : stage, errno: isFull ? ENOSPC : EIO,
            "the engine says (\(status)): \(words)",
            retryAfterMilliseconds: isFull || status >= 500 ? 5000 : status == 409 ? 1000 : nil)
    }
}

extension LaunchFailure {
    /// For a line of a log: "/run/docker.sock: ECONNREFUSED".
    var words: String { errno == 0 ? subject : "\(subject): \(errnoName(errno))" }
}

extension LaunchStage {
    /// Where it fails it says nothing of an image.
    fileprivate var ofTheEngine: LaunchStage { self == .containerImage ? .containerEngine : self }
}

extension String {
    /// An engine's words may hold an image's, and the launcher's protocol has no NUL in its strings.
    var printable: String {
        var result = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            result.append(scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) ? " " : scalar)
        }
        return String(result)
    }
}
