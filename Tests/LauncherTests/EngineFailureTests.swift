import Foundation
import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Synchronization
import Testing

/// Engines that do not do what they are asked, with a real launcher and a real sandbox-docker before them: what a run is told, how soon,
/// and that nothing is left.
@Suite(.needs(.root), .serialized, .timeLimit(.minutes(2))) struct EngineFailureTests {
    private let directory = TemporaryDirectory()
    private var path: String { "\(directory.path)/engine.sock" }

    /// sandbox-docker is nobody that could enter a directory of root's.
    init() { chmod(directory.path, 0o711) }

    private func engine(_ script: @escaping FakeEngine.Script = { _ in nil }) throws -> FakeEngine {
        try FakeEngine(at: path, script: script)
    }

    private func launcher(_ change: (inout ContainerPlan) -> Void = { _ in }) throws -> LauncherHarness {
        var policy = CompiledPolicy.testing()
        policy.readPaths = []
        var plan = ContainerPlan(image: "tools:1")
        change(&plan)
        policy.container = plan
        return try LauncherHarness.ready(policy, engine: path)
    }

    /// A run's failure, no later than after so many milliseconds.
    private func failure(_ launcher: LauncherHarness, within milliseconds: UInt64 = 2000) throws -> LaunchFailure {
        let begin = monotonicNanoseconds()
        let failure = try #require(try launcher.run(["/bin/true"]).failure)
        let duration = (monotonicNanoseconds() - begin) / 1_000_000
        #expect(duration < milliseconds * Slowness.factor, "it took \(duration) ms: \(failure)")
        return failure
    }

    private func wait(for condition: () -> Bool) -> Bool {
        for _ in 0..<500 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }

    /// No container, and no socket at which one would be awaited.
    private func expectNothingLeft(_ engine: FakeEngine?) {
        if let engine { #expect(wait { engine.containers.isEmpty }, "\(engine.containers)") }
        func sockets() -> [String] {
            ((try? Directory("/run/sandbox-launcher").entries()) ?? []).filter { $0.hasPrefix("container-") }
        }
        #expect(wait { sockets().isEmpty }, "\(sockets())")
    }

    // MARK: no engine

    @Test func `nobody has ever been there`() throws {
        let failure = try failure(launcher())
        #expect(failure.stage == .containerEngine && failure.errno == ENOENT && failure.retryAfterMilliseconds == 1000)
        #expect(failure.subject.contains(path))
        expectNothingLeft(nil)
    }

    @Test func `nobody is there any more`() throws {
        let engine = try engine()
        engine.end()
        let failure = try failure(launcher())
        #expect(failure.stage == .containerEngine && failure.errno == ECONNREFUSED)
        #expect(failure.retryAfterMilliseconds == 1000 && failure.subject.contains(path))
        expectNothingLeft(nil)
    }

    @Test func `whoever is there is not for this group`() throws {
        let engine = try engine()
        chmod(path, 0o600)
        let launcher = try launcher()
        // Also for the process that is started anew.
        for round in 0..<3 {
            let failure = try failure(launcher)
            #expect(failure.stage == .containerEngine && failure.retryAfterMilliseconds == 1000)
            // Who asks while it ends hears of that end.
            #expect(failure.errno == EACCES || (round > 0 && failure.errno == EPIPE), "\(failure)")
        }
        #expect(engine.connections == 0)
        // What has changed its group, or its mode, is found.
        chmod(path, 0o666)
        engine.change { $0.path.hasPrefix("/images") ? .status(404, "{}") : nil }
        #expect(wait { (try? failure(launcher))?.stage == .containerImage })
        expectNothingLeft(engine)
    }

    // MARK: no answer, or none that is one

    @Test func `it never answers`() throws {
        let engine = try engine { _ in .silence }
        let failure = try failure(launcher(), within: 4000)
        #expect(
            failure.stage == .containerEngine && failure.errno == ETIMEDOUT && failure.retryAfterMilliseconds == 5000)
        expectNothingLeft(engine)
    }

    @Test(arguments: ["/_ping", "/images/tools:1/json", "/containers/create"])
    func `it ends the connection`(_ place: String) throws {
        let engine = try engine { $0.path == place ? .close : nil }
        let failure = try failure(launcher())
        #expect(
            failure.stage == .containerEngine && failure.errno == ECONNRESET && failure.retryAfterMilliseconds == 1000)
        expectNothingLeft(engine)
    }

    @Test(
        arguments: [.raw("SSH-2.0-OpenSSH_9.2\r\n"), .flood(32 << 20 + 1), .status(200, "<html>")]
            as [FakeEngine.Answer],
        ["/_ping", "/images/tools:1/json", "/containers/create"])
    func `it says what is not understood`(_ answer: FakeEngine.Answer, _ place: String) throws {
        // Any text is an answer to a ping, if its head says which interface there is.
        if case .status = answer, place == "/_ping" { return }
        let engine = try engine { $0.path == place ? answer : nil }
        let launcher = try launcher()
        let failure = try failure(launcher, within: 4000)
        #expect(failure.stage == .containerEngine && failure.errno == EPROTO && failure.retryAfterMilliseconds == 5000)
        #expect(failure.subject.contains("not understood"))
        expectNothingLeft(engine)
    }

    // MARK: versions

    @Test func `an interface that is too old is no host's to be used on`() throws {
        let engine = try engine()
        engine.setVersion("1.40")
        let failure = try failure(launcher())
        #expect(failure.stage == .containerEngine && failure.errno == 0 && failure.retryAfterMilliseconds == nil)
        #expect(failure.subject.contains("1.40") && failure.subject.contains("1.41"))
        expectNothingLeft(engine)
    }

    @Test(arguments: [("1.41", "1.41"), ("1.99", "1.47"), ("2.0", "1.47")])
    func `a newer one is asked by what this program knows`(_ theirs: String, _ used: String) throws {
        let engine = try engine { $0.path.hasPrefix("/images") ? .status(404, "{}") : nil }
        engine.setVersion(theirs)
        #expect(try failure(launcher()).stage == .containerImage)
        #expect(engine.requests.last { $0.path.hasPrefix("/images") }?.version == used)
    }

    @Test func `one that does not say is none`() throws {
        let engine = try engine()
        engine.setVersion(nil)
        let failure = try failure(launcher())
        #expect(failure.stage == .containerEngine && failure.errno == EPROTO && failure.retryAfterMilliseconds == 5000)
        expectNothingLeft(engine)
    }

    // MARK: images and containers

    struct Refusal: Sendable, CustomTestStringConvertible {
        var place: String
        var answer: FakeEngine.Answer
        var stage: LaunchStage
        var errno: Int32
        var retry: UInt64?
        var words: String

        var testDescription: String { "\(place): \(words)" }

        init(
            _ place: String, _ status: Int, _ answer: String, _ stage: LaunchStage, _ errno: Int32, retry: UInt64?,
            _ words: String
        ) {
            (self.place, self.answer, self.words) = (place, .status(status, answer), words)
            (self.stage, self.errno, self.retry) = (stage, errno, retry)
        }
    }

    private static let refusals = [
        Refusal("GET /images", 404, #"{"message":"No such image"}"#, .containerImage, ENOENT, retry: nil, "tools:1"),
        Refusal("GET /images", 500, #"{"message":"oops"}"#, .containerEngine, EIO, retry: 5000, "oops"),
        Refusal(
            "GET /images", 200, #"{"Id":"sha256:1","Os":"windows"}"#, .containerImage, EINVAL, retry: nil, "windows"),
        Refusal(
            "GET /images", 200, #"{"Id":"sha256:1","Os":"linux","Config":{"Volumes":{"/a:/b":{}}}}"#, .containerImage,
            EINVAL,
            retry: nil, "/a:/b"),
        Refusal(
            "POST /containers/create", 500, #"{"message":"mkdir /x: no space left on device"}"#, .containerCreate,
            ENOSPC,
            retry: 5000, "no space left"),
        Refusal(
            "POST /containers/create", 409, #"{"message":"the name is in use"}"#, .containerCreate, EIO, retry: 1000,
            "in use"),
        Refusal(
            "POST /containers/create", 400, #"{"message":"invalid"}"#, .containerCreate, EIO, retry: nil, "invalid"),
        Refusal(
            "START", 500, #"{"message":"OCI runtime create failed"}"#, .containerStart, EIO, retry: 5000, "OCI runtime"),
        Refusal("START", 400, "not even JSON", .containerStart, EIO, retry: nil, "not even JSON"),
    ]

    @Test(arguments: refusals) func `what it refuses is told in its words`(_ row: Refusal) throws {
        let engine = try engine { request in
            let isIt = row.place == "START" ? request.path.hasSuffix("/start") : request.words.hasPrefix(row.place)
            return isIt ? row.answer : nil
        }
        let launcher = try launcher()
        let failure = try failure(launcher)
        #expect(failure.stage == row.stage && failure.errno == row.errno, "\(failure)")
        #expect(failure.retryAfterMilliseconds == row.retry && failure.subject.contains(row.words), "\(failure)")
        expectNothingLeft(engine)
    }

    @Test func `an image that is being fetched is nobody's to wait for`() throws {
        let engine = try engine { request in
            request.words == "POST /images/create"
                ? .late(500, nil)
                : request.path.hasPrefix("/images") ? .status(404, "{}") : nil
        }
        let failure = try failure(launcher { $0.pull = .missing })
        #expect(
            failure.stage == .containerImage && failure.errno == EINPROGRESS && failure.retryAfterMilliseconds == 5000)
        expectNothingLeft(engine)
    }

    @Test func `a container that cannot be removed at first is removed`() throws {
        let left = Mutex(2)
        let engine = try engine { request in
            if request.path.hasSuffix("/start") { return .status(500, "no") }
            guard request.method == "DELETE" else { return nil }
            return left.withLock { left in
                left -= 1
                return left >= 0 ? .status(500, "busy") : nil
            }
        }
        let launcher = try launcher()
        #expect(try failure(launcher).stage == .containerStart)
        expectNothingLeft(engine)
        #expect(engine.requests.count { $0.method == "DELETE" } == 3)
        withExtendedLifetime(launcher) {}
    }

    // MARK: whoever comes

    /// The socket that an engine is to show to a container, by what it was asked for.
    private static func socket(_ request: FakeEngine.Request) -> String {
        let mounts = (request.json()["HostConfig"] as? [String: Any])?["Mounts"] as? [[String: Any]] ?? []
        return mounts.first { $0["Target"] as? String == "/.sandbox/socket" }?["Source"] as? String ?? ""
    }

    @Test func `another user at the socket is refused`() throws {
        let visitors = Mutex<[Int32]>([])
        let engine = try engine { request in
            guard request.path == "/containers/create" else { return nil }
            let path = Self.socket(request)
            visitors.withLock {
                for _ in 0..<2 { $0.append((try? UnixSocket.connected(SOCK_SEQPACKET, to: path)) ?? -1) }
            }
            return nil
        }
        let failure = try failure(launcher())
        #expect(failure.stage == .containerEnter && failure.errno == EPERM, "\(failure)")
        // It was there, and was shown out.
        let came = visitors.withLock { $0 }
        // For a second time there may be nobody any more.
        #expect(came.count == 2 && came[0] >= 0)
        for visitor in came where visitor >= 0 {
            var byte: UInt8 = 0
            #expect(recv(visitor, &byte, 1, 0) <= 0)
            close(visitor)
        }
        expectNothingLeft(engine)
    }

    @Test func `the user that was asked for is refused when it is out of no container`() throws {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o711)
        try directory.write("socket", "")
        let visit = """
            import socket
            ends = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
            for end in ends: end.connect('\(directory.path)/socket')
            print(len(ends[0].recv(100)), flush=True)
            """
        let output = open("\(directory.path)/out", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(output) }
        let visitor = Mutex<StartedProgram?>(nil)
        let asked = Mutex("")
        let engine = try engine { request in
            if request.path == "/containers/create" { asked.withLock { $0 = Self.socket(request) } }
            guard request.path.hasSuffix("/start") else { return nil }
            let socket = asked.withLock { $0 }
            // As a container sees it.
            let script = """
                mount --bind \(socket) \(directory.path)/socket
                exec setpriv --reuid 4321 --regid 1234 --clear-groups /usr/bin/python3 -c "$0"
                """
            let words = ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-ec", script, visit]
            visitor.withLock { $0 = try? StartedProgram(words, descriptors: [0, output, 2]) }
            return nil
        }
        let failure = try failure(launcher { $0.user = .init(uid: 4321, gid: 1234) }, within: 5000)
        #expect(failure.stage == .containerEnter && failure.errno != 0, "\(failure)")
        #expect(visitor.withLock { $0 }?.wait() == 0)
        #expect(try directory.read("out") == "0\n")
        expectNothingLeft(engine)
    }

    /// The one test that takes the launcher's whole patience, 25 seconds.
    @Test func `a container that starts and never comes is given up, and removed`() throws {
        let engine = try engine()
        let launcher = try launcher()
        let begin = monotonicNanoseconds()
        let failure = try failure(launcher, within: 28_000)
        #expect(
            failure.stage == .containerStart && failure.errno == ETIMEDOUT && failure.retryAfterMilliseconds == 5000)
        #expect(monotonicNanoseconds() - begin >= 25_000_000_000)
        #expect(engine.requests.contains { $0.path.hasSuffix("/start") })
        expectNothingLeft(engine)
        withExtendedLifetime(launcher) {}
    }

    // MARK: the circuit breaker

    @Test func `an engine that fails is left alone for a while, and asked again`() throws {
        let engine = try engine { $0.words == "GET /_ping" ? .raw("?") : nil }
        let launcher = try launcher()
        var last: LaunchFailure?
        for _ in 0..<20 where last?.errno != ECONNREFUSED {
            let before = engine.connections
            last = try failure(launcher)
            if last?.errno == EPROTO { continue }
            #expect(engine.connections == before)
        }
        let resting = try #require(last)
        #expect(resting.stage == .containerEngine && resting.errno == ECONNREFUSED)
        #expect((1...30_000).contains(resting.retryAfterMilliseconds ?? 0))
        // Well again, but for its images: so runs end soon.
        engine.change { $0.path.hasPrefix("/images") ? .status(404, "{}") : nil }
        #expect(wait { (try? failure(launcher))?.stage == .containerImage })
        // It is closed: nobody is refused any more.
        for _ in 0..<5 { #expect(try failure(launcher).stage == .containerImage) }
        expectNothingLeft(engine)
    }

    // MARK: the launcher's end

    @Test func `with the launcher its containers end, also one that is being created`() throws {
        let engine = try engine { $0.path == "/containers/create" ? .late(300, nil) : nil }
        let launcher = try launcher()
        _ = try launcher.submit(["/bin/true"])
        #expect(wait { engine.count("POST /containers/create") == 1 })
        launcher.end()
        expectNothingLeft(engine)
        #expect(
            engine.count("POST /containers/create") == 1 && !engine.requests.contains { $0.path.hasSuffix("/start") })
    }
}
