import Foundation
import Glibc
import LinuxSystem
import SandboxTestSupport
import Testing

@testable import sandboxctl_verbs

/// What `doctor` does to know a host: it changes nothing, and nobody makes it wait for ever.
@Suite struct HostQuestionTests {
    @Test func thisHostCanBeLookedAt() async throws {
        let before = try #require(HostFacts.contents("/proc/self/mountinfo"))
        let facts = try await HostFacts.complete(socket: "/nonexistent/sandboxd.sock")
        let findings = HostChecks.findings(of: facts)
        #expect(Set(findings.map(\.name)).count == findings.count)
        #expect(facts.calls.count == KernelCall.allCases.count)
        // These tests run on hosts that can run sandboxes.
        #expect(
            ["kernel", "landlock", "openat2", "mount-api", "clone3", "pidfd", "seccomp"].allSatisfy { name in
                findings.contains { $0.name == name && $0.found }
            })
        #expect(facts.namespaceTrial != nil)
        #expect(HostFacts.contents("/proc/self/mountinfo") == before)
        if case .absent = facts.service {} else { Issue.record("\(facts.service)") }
    }

    @Test func linksAreSeen() throws {
        let directory = TemporaryDirectory()
        try directory.write("file", "")
        try #require(
            symlink("file", "\(directory.path)/link") == 0 && symlink("nowhere", "\(directory.path)/dangling") == 0)
        let facts = try HostFacts.current()
        let (file, link) = (facts.file("\(directory.path)/file"), facts.file("\(directory.path)/link"))
        #expect(file?.isLink == false && link?.isLink == true && link?.kind == .regular)
        let dangling = facts.file("\(directory.path)/dangling")
        #expect(dangling?.isLink == true && dangling?.kind == .danglingLink)
        #expect(facts.exists("\(directory.path)/link") && !facts.exists("\(directory.path)/dangling"))
    }

    /// Also those that have ended and wait to be reaped. Other tests have theirs.
    private func children() -> Set<Int32> {
        let tasks = (try? Directory("/proc/self/task").entries()) ?? []
        return Set(
            tasks.flatMap { task in
                (HostFacts.contents("/proc/self/task/\(task)/children") ?? "").split(separator: " ").compactMap {
                    Int32($0)
                }
            })
    }

    @Test func aProgramThatHangsIsKilled() {
        let before = children()
        let start = ContinuousClock.now
        #expect(BoundedCommand.output(of: "/bin/sh", ["-c", "echo a; sleep 50"], milliseconds: 200) == nil)
        #expect(BoundedCommand.output(of: "/bin/sh", ["-c", "exec >&-; sleep 50"], milliseconds: 200) == nil)
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(children().subtracting(before).isEmpty, "it was reaped")
    }

    @Test func onlyAGoodEndCounts() {
        #expect(BoundedCommand.output(of: "/bin/sh", ["-c", "echo a; echo b >&2"], milliseconds: 10_000) == "a\n")
        #expect(BoundedCommand.output(of: "/bin/sh", ["-c", "echo a; exit 3"], milliseconds: 10_000) == nil)
        #expect(BoundedCommand.output(of: "/nonexistent", [], milliseconds: 10_000) == nil)
        #expect(BoundedCommand.output(of: "/bin/sh", ["-c", "cat /dev/zero"], milliseconds: 10_000) == nil)
    }

    @Test func aServiceThatSaysNothingIsNotWaitedFor() async throws {
        let directory = TemporaryDirectory()
        let (path, listener) = try engine(in: directory)
        defer { close(listener) }
        let start = ContinuousClock.now
        guard case .silent(200) = await ServiceQuestion.ask(path, milliseconds: 200) else {
            Issue.record("it answered")
            return
        }
        #expect(ContinuousClock.now - start < .seconds(20))
        close(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        guard case .absent = await ServiceQuestion.ask("\(directory.path)/none", milliseconds: 5000) else {
            Issue.record("it is there")
            return
        }
    }

    /// A socket of an engine's, and who listens there. The caller closes it.
    private func engine(in directory: TemporaryDirectory) throws -> (path: String, listener: Int32) {
        let path = "\(directory.path)/s"
        let listener = try UnixSocket.bound(SOCK_STREAM, at: path)
        try #require(listen(listener, 4) == 0)
        return (path, listener)
    }

    @Test func anEngineThatSaysNothingIsNotWaitedFor() throws {
        let directory = TemporaryDirectory()
        let (path, listener) = try engine(in: directory)
        defer { close(listener) }
        let start = ContinuousClock.now
        #expect(
            EngineQuestion.ask(EngineNeed(socket: path, images: []), milliseconds: 200).answer
                == .silent(milliseconds: 200))
        #expect(ContinuousClock.now - start < .seconds(20))
        let none = EngineNeed(socket: "\(directory.path)/none", images: [])
        #expect(EngineQuestion.ask(none, milliseconds: 200).answer == .unreachable(ENOENT))
    }

    @Test func ofAnEngineItsInterfaceItsImagesAndNetworksAreKnown() throws {
        let directory = TemporaryDirectory()
        let (path, listener) = try engine(in: directory)
        defer { close(listener) }
        let engine = Thread {
            for answer in [
                "200 OK\r\nApi-Version: 1.43\r\n\r\nOK",
                "200 OK\r\n\r\n{\"a\":1,\"SecurityOptions\":[\"name=seccomp,profile=default\",\"name=userns\"],\"b\":[]}",
                "200 OK\r\n\r\n{}", "404 Not Found\r\n\r\n{}", "404 Not Found\r\n\r\n{}", "200 OK\r\n\r\n{}",
            ] {
                let client = accept(listener, nil, nil)
                var request = [UInt8](repeating: 0, count: 4096)
                _ = recv(client, &request, request.count, 0)
                let text = Array("HTTP/1.0 \(answer)".utf8)
                _ = send(client, text, text.count, Int32(MSG_NOSIGNAL))
                close(client)
            }
        }
        engine.start()
        let images = [("a:1", "m"), ("b:1", "n")].map {
            EngineNeed.Image(policy: "p", name: $0.0, isFetched: false, network: $0.1)
        }
        let facts = EngineQuestion.ask(EngineNeed(socket: path, images: images), milliseconds: 20_000)
        #expect(facts.answer == .answers(interface: "1.43") && facts.images == ["a:1": true, "b:1": false])
        #expect(facts.networks == ["m": false, "n": true])
        #expect(facts.security == ["name=seccomp,profile=default", "name=userns"])
    }

    @Test func whatIsNoSmallFileIsNotRead() throws {
        let directory = TemporaryDirectory()
        try directory.write("large", String(repeating: "x", count: (1 << 20) + 1))
        #expect(HostFacts.contents("\(directory.path)/large") == nil)
        #expect(mkfifo("\(directory.path)/fifo", 0o600) == 0)
        #expect(HostFacts.contents("\(directory.path)/fifo") == nil)
        #expect(HostFacts.contents(directory.path) == nil && HostFacts.contents("/dev/zero") == nil)
    }
}
