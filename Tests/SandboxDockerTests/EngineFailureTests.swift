import Glibc
import LaunchPlan
import Testing

@testable import sandbox_docker

/// What each failure is to whoever asked for a run.
@Suite struct EngineFailureTests {
    struct Row: Sendable {
        var failure: EngineFailure
        var stage: LaunchStage
        var errno: Int32
        /// `nil`: never.
        var retry: UInt64?
        var isTheEngines: Bool
        var words: String

        init(
            _ failure: EngineFailure, _ stage: LaunchStage, _ errno: Int32, retry: UInt64?, isTheEngines: Bool = false,
            _ words: String
        ) {
            (self.failure, self.stage, self.errno, self.retry) = (failure, stage, errno, retry)
            (self.isTheEngines, self.words) = (isTheEngines, words)
        }
    }

    private static let rows = [
        Row(.unreachable(errno: ENOENT), .containerEngine, ENOENT, retry: 1000, isTheEngines: true, "/run/e.sock"),
        Row(.unreachable(errno: EACCES), .containerEngine, EACCES, retry: 1000, isTheEngines: true, "/run/e.sock"),
        Row(.closed, .containerEngine, ECONNRESET, retry: 1000, isTheEngines: true, "/run/e.sock closed"),
        Row(
            .slow("answer GET /x"), .containerStart, ETIMEDOUT, retry: 5000, isTheEngines: true, "answer GET /x in time"
        ),
        Row(.resting(milliseconds: 77), .containerEngine, ECONNREFUSED, retry: 77, "/run/e.sock, which has failed"),
        Row(.incomprehensible("?"), .containerEngine, EPROTO, retry: 5000, isTheEngines: true, "not understood: ?"),
        Row(.version("1.40 is old"), .containerEngine, 0, retry: nil, "1.40 is old"),
        Row(.replaced, .containerEngine, ESTALE, retry: 100, isTheEngines: true, "another engine"),
        Row(.policyForgotten, .refused, ESTALE, retry: nil, "replaced"),
        Row(.imageMissing("a:1"), .containerImage, ENOENT, retry: nil, "a:1"),
        Row(.imagePulling("a:1"), .containerImage, EINPROGRESS, retry: 5000, "a:1, which is being fetched"),
        Row(.imageUnfetched("a:1", mayCome: true), .containerImage, EIO, retry: 5000, "a:1"),
        Row(.imageUnfetched("a:1", mayCome: false), .containerImage, EIO, retry: nil, "a:1"),
        Row(.imageUnfit("no"), .containerImage, EINVAL, retry: nil, "no"),
        Row(.refused(status: 400, "bad"), .containerStart, EIO, retry: nil, "(400): bad"),
        Row(.refused(status: 404, "none"), .containerStart, EIO, retry: nil, "(404): none"),
        Row(.refused(status: 409, "taken"), .containerStart, EIO, retry: 1000, "(409): taken"),
        Row(.refused(status: 500, "oops"), .containerStart, EIO, retry: 5000, "(500): oops"),
        Row(.refused(status: 503, "oops"), .containerStart, EIO, retry: 5000, "(503): oops"),
        Row(
            .refused(status: 500, "write /x: no space left on device"), .containerStart, ENOSPC, retry: 5000,
            "/x: no space"),
        Row(.refused(status: 400, "no space left on device"), .containerStart, ENOSPC, retry: 5000, "no space"),
    ]

    @Test(arguments: rows) func `a failure has its stage, its errno, and when to ask again`(_ row: Row) {
        let failure = row.failure.launchFailure(at: .containerStart, engine: "/run/e.sock")
        #expect(failure.stage == row.stage && failure.errno == row.errno, "\(row.failure): \(failure)")
        #expect(failure.retryAfterMilliseconds == row.retry, "\(row.failure): \(failure)")
        #expect(failure.subject.contains(row.words), "\(failure.subject)")
        #expect(row.failure.isTheEngines == row.isTheEngines, "\(row.failure)")
    }

    @Test func `an engine that fails at an image says nothing of the image`() {
        for failure in [EngineFailure.slow("x"), .refused(status: 500, "x")] {
            #expect(failure.launchFailure(at: .containerImage, engine: "/e").stage == .containerEngine)
            #expect(failure.launchFailure(at: .containerCreate, engine: "/e").stage == .containerCreate)
        }
        #expect(
            EngineFailure.refused(status: 400, "x").launchFailure(at: .containerImage, engine: "/e").stage
                == .containerImage)
    }

    @Test func `what an engine says is one line that the launcher can read`() throws {
        let failure = EngineFailure.refused(status: 400, "a\0b\nc\u{1B}[31m\u{9B}d\u{7F}e").launchFailure(
            at: .containerCreate, engine: "/e")
        #expect(failure.subject == "the engine says (400): a b c [31m d e")
        let event = ContainerEvent.failed(order: 1, failure: failure)
        #expect(try ContainerEvent(decoding: event.encoded) == event)
    }
}
