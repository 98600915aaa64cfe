import Foundation
import Glibc
import SandboxTestSupport
import Testing

@testable import sandbox_docker

@Suite struct EngineAPITests {
    private let directory = TemporaryDirectory()

    private func engine(_ script: @escaping FakeEngine.Script = { _ in nil }) throws -> FakeEngine {
        try FakeEngine(at: "\(directory.path)/engine.sock", script: script)
    }

    private func client(haste: Int64 = 1) -> EngineClient {
        EngineClient(socket: "\(directory.path)/engine.sock", haste: haste)
    }

    private func failure<Value>(_ question: () async throws(EngineFailure) -> Value) async -> EngineFailure? {
        do throws(EngineFailure) {
            _ = try await question()
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [("1.41", 1, 41), ("1.0", 1, 0), ("0.1", 0, 1), ("20.10", 20, 10)] as [(String, Int, Int)])
    func `a version is two numbers`(_ text: String, _ major: Int, _ minor: Int) throws {
        #expect(try #require(EngineAPI.parse(text)) == (major, minor))
    }

    @Test(
        arguments: [
            "", ".", "1", "1.", ".41", "1.41.0", "v1.41", "1.-1", "-1.41", "1.4x", " 1.41", "1.99999999999999999999",
        ])
    func `anything else is none`(_ text: String) { #expect(EngineAPI.parse(text) == nil) }

    @Test func `a name in a path is nothing but that name`() {
        #expect(EngineAPI.escaped("a/b:c@sha256:0-9._~Z") == "a/b:c@sha256:0-9._~Z")
        #expect(EngineAPI.escaped("a b?c#d%e&f=g") == "a%20b%3Fc%23d%25e%26f%3Dg")
        #expect(EngineAPI.escaped("\r\n\0\u{7F}") == "%0D%0A%00%7F")
        #expect(EngineAPI.escaped("\u{e9}") == "%C3%A9")
        #expect(EngineAPI.escaped("{\"label\":[\"a=b\"]}") == "%7B%22label%22:%5B%22a%3Db%22%5D%7D")
    }

    @Test(
        arguments: [
            ("busybox", "busybox:latest"), ("busybox:1", "busybox:1"), ("h:5000/a/b", "h:5000/a/b:latest"),
            ("h:5000/a/b:1", "h:5000/a/b:1"), ("a@sha256:00", "a@sha256:00"),
        ])
    func `what is fetched is one image`(_ image: String, _ fetched: String) {
        #expect(EngineAPI.fetchable(image) == fetched)
    }

    @Test(arguments: [("1.41", "1.41"), ("1.43", "1.43"), ("1.47", "1.47"), ("1.99", "1.47"), ("2.0", "1.47")])
    func `both sides' newest interface is used`(_ theirs: String, _ used: String) async throws {
        let engine = try engine()
        engine.setVersion(theirs)
        let api = try await EngineAPI.negotiate(client())
        #expect(api.version == used)
        _ = try await api.image("a")
        #expect(engine.requests.map(\.version) == ["", used])
    }

    @Test(arguments: ["1.40", "1.12", "0.99"]) func `an interface that is too old is named`(_ theirs: String)
        async throws
    {
        let engine = try engine()
        engine.setVersion(theirs)
        let failure = await failure { () async throws(EngineFailure) in try await EngineAPI.negotiate(client()) }
        guard case .version(let words) = failure else { return #expect(Bool(false), "\(failure as Any)") }
        #expect(words.contains(theirs) && words.contains("1.41"))
        withExtendedLifetime(engine) {}
    }

    @Test(arguments: [nil, "new", ""] as [String?])
    func `without a version it is no engine`(_ theirs: String?) async throws {
        let engine = try engine()
        engine.setVersion(theirs)
        let failure = await failure { () async throws(EngineFailure) in try await EngineAPI.negotiate(client()) }
        guard case .incomprehensible = failure else { return #expect(Bool(false), "\(failure as Any)") }
        withExtendedLifetime(engine) {}
    }

    @Test func `another engine at the same socket is found out by what it refuses`() async throws {
        let engine = try engine {
            $0.version == "1.47" ? .status(400, #"{"message":"client version is too new"}"#) : nil
        }
        engine.setVersion("1.99")
        let api = try await EngineAPI.negotiate(client())
        #expect(
            await failure { () async throws(EngineFailure) in try await api.image("a") }
                == .refused(status: 400, "client version is too new"))
        engine.setVersion("1.41")
        #expect(await failure { () async throws(EngineFailure) in try await api.image("a") } == .replaced)
    }

    // MARK: a container's name is a component of paths

    @Test(arguments: ["", "abc", "../../x", String(repeating: "A", count: 64), String(repeating: "0", count: 63) + "/"])
    func `a container that is called otherwise is none`(_ id: String) async throws {
        let created = "{\"Id\":\"\(id)\"}"
        let engine = try engine { request in
            request.words == "POST /containers/create"
                ? .status(201, created)
                : request.words == "GET /containers/json" ? .status(200, "[\(created)]") : nil
        }
        let api = try await EngineAPI.negotiate(client())
        for failure in [
            await failure { () async throws(EngineFailure) in try await api.create(.sample, name: nil) },
            await failure { () async throws(EngineFailure) in try await api.containers(labelled: "l") },
        ] {
            guard case .incomprehensible = failure else { return #expect(Bool(false), "\(failure as Any)") }
        }
        withExtendedLifetime(engine) {}
    }

    // MARK: answers that are none

    struct Bad: Sendable, CustomTestStringConvertible {
        var answer: FakeEngine.Answer
        var matches: @Sendable (EngineFailure) -> Bool
        var testDescription: String

        init(
            _ testDescription: String, _ answer: FakeEngine.Answer,
            _ matches: @escaping @Sendable (EngineFailure) -> Bool
        ) {
            (self.testDescription, self.answer, self.matches) = (testDescription, answer, matches)
        }

        static func isIncomprehensible(_ failure: EngineFailure) -> Bool {
            if case .incomprehensible = failure { true } else { false }
        }

        static let isClosed: @Sendable (EngineFailure) -> Bool = {
            $0 == .closed || $0 == .unreachable(errno: ECONNRESET)
        }
    }

    private static let bad = [
        Bad("garbage", .raw("SSH-2.0-OpenSSH_9.2\r\n"), Bad.isIncomprehensible),
        Bad("no status", .raw("HTTP/1.1\r\n\r\n"), Bad.isIncomprehensible),
        Bad("no JSON", .status(200, "<html>"), Bad.isIncomprehensible),
        Bad("other JSON", .status(200, "[1,2]"), Bad.isIncomprehensible),
        Bad("deep JSON", .status(200, String(repeating: "[", count: 100_000)), Bad.isIncomprehensible),
        Bad("32 MiB and a bit", .flood(32 << 20 + 1), Bad.isIncomprehensible),
        Bad("the end", .close, Bad.isClosed),
        Bad(
            "the end in the head", .raw("HTTP/1.1 200 OK\r\nContent-"),
            { Bad.isClosed($0) || Bad.isIncomprehensible($0) }),
        Bad(
            "the end in the body", .raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"),
            { Bad.isClosed($0) || Bad.isIncomprehensible($0) }),
        Bad("nothing", .silence, { $0 == .slow("answer GET /images/a/json") }),
        Bad("a redirection", .status(301, ""), Bad.isIncomprehensible),
        Bad("no content", .status(204, ""), Bad.isIncomprehensible),
    ]

    @Test(.timeLimit(.minutes(1)), arguments: bad) func `an answer that is none is a failure in time`(_ bad: Bad)
        async throws
    {
        let answer = bad.answer
        let engine = try engine { $0.path.hasPrefix("/images") ? answer : nil }
        let api = EngineAPI(client: client(haste: 20), version: "1.41", theirs: "1.41")
        let failure = await failure { () async throws(EngineFailure) in try await api.image("a") }
        #expect(failure.map(bad.matches) == true, "\(failure as Any)")
        withExtendedLifetime(engine) {}
    }

    @Test func `nobody, and a socket that cannot be`() async throws {
        let nobody = await failure { () async throws(EngineFailure) in try await EngineAPI.negotiate(client()) }
        #expect(nobody == .unreachable(errno: ENOENT))
        try engine().end()
        let long = EngineClient(socket: "/" + String(repeating: "x", count: 200))
        #expect(
            await failure { () async throws(EngineFailure) in try await EngineAPI.negotiate(long) }
                == .unreachable(errno: ENAMETOOLONG))
    }

    @Test func `a killed engine's socket refuses`() async throws {
        let engine = try engine()
        _ = try await EngineAPI.negotiate(client())
        engine.end()
        // Its thread closes it.
        for _ in 0..<1000 {
            let failure = await failure { () async throws(EngineFailure) in try await EngineAPI.negotiate(client()) }
            if failure == .unreachable(errno: ECONNREFUSED) { return }
            usleep(1000)
        }
        #expect(Bool(false), "it does not refuse")
    }

    // MARK: networks and pulls

    @Test func `a network is named in full, and is not the host's`() async throws {
        let engine = try engine { request in
            request.path == "/networks/host"
                ? .status(200, #"{"Name":"host","Driver":"host"}"#)
                : request.path == "/networks/0a" ? .status(200, #"{"Name":"own","Driver":"bridge"}"#) : nil
        }
        let api = try await EngineAPI.negotiate(client())
        try await api.requireNetwork("own")
        for name in ["host", "0a"] {
            let failure = await failure { () async throws(EngineFailure) in try await api.requireNetwork(name) }
            guard case .refused(403, _) = failure else { return #expect(Bool(false), "\(failure as Any)") }
        }
        withExtendedLifetime(engine) {}
    }

    @Test func `an engine tells of a fetch that failed behind a status of 200`() async throws {
        let lines = "{\"status\":\"Pulling\"}\n{\"errorDetail\":{\"message\":\"no\"},\"error\":\"no\"}\n"
        let engine = try engine { $0.words == "POST /images/create" ? .status(200, lines) : nil }
        let api = try await EngineAPI.negotiate(client())
        let failure = await failure { () async throws(EngineFailure) in try await api.pull("a") }
        guard case .refused(500, let words) = failure else { return #expect(Bool(false), "\(failure as Any)") }
        #expect(words == "no" && engine.requests.last?.query["fromImage"] == "a:latest")
    }

    @Test func `a volume that an engine has made all the same is found`() async throws {
        let id = FakeEngine.id()
        let mounts = #"{"Mounts":[{"Type":"bind","Destination":"/a"},{"Type":"volume","Destination":"/data"}]}"#
        let engine = try engine { $0.path == "/containers/\(id)/json" ? .status(200, mounts) : nil }
        let api = try await EngineAPI.negotiate(client())
        let failure = await failure { () async throws(EngineFailure) in try await api.requireNoVolumes(id) }
        guard case .imageUnfit(let words) = failure else { return #expect(Bool(false), "\(failure as Any)") }
        #expect(words.contains("/data"))
        withExtendedLifetime(engine) {}
    }
}
