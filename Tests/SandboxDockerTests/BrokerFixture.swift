import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

@testable import sandbox_docker

/// sandbox-docker in this process, between a fake engine and a test in the launcher's place.
final class BrokerFixture {
    let engine: FakeEngine
    private let directory: TemporaryDirectory
    private let link: OwnedDescriptor
    private let theirs: OwnedDescriptor
    private let served: Task<Bool, Never>
    private(set) var notes: [String] = []

    /// - Parameters:
    ///   - haste: what patiences are divided by: 15 s for a creation are 300 ms.
    ///   - containers: what the engine has.
    init(
        haste: Int64 = 50, deadOwners: [String] = [], living: [ContainerSettings.Living] = [],
        containers: [FakeEngine.Container] = [], script: @escaping FakeEngine.Script = { _ in nil }
    ) throws {
        directory = TemporaryDirectory()
        engine = try FakeEngine(at: "\(directory.path)/engine.sock", script: script)
        for container in containers { engine.add(container) }
        let pair = try DescriptorPair.sockets(SOCK_SEQPACKET)
        let (own, other) = pair.release()
        link = OwnedDescriptor(owning: own)
        theirs = OwnedDescriptor(owning: other)
        served = Task { await Broker.serve(LauncherLink(other), haste: haste) }
        try send(
            .settings(
                ContainerSettings(
                    engine: engine.path, initPath: "/init", owner: "block-3", deadOwners: deadOwners, living: living)))
        try send(.policy(ContainerSpecification(number: 1, policy: .sample(), profile: "{}")))
        let pulled = CompiledPolicy.sample { $0.container = ContainerPlan(image: "pulled:1", pull: .missing) }
        try send(.policy(ContainerSpecification(number: 2, policy: pulled, profile: "{}")))
    }

    func send(_ command: ContainerCommand) throws { try MessageSocket.send(command.encoded, over: link.number) }

    func make(_ order: UInt64, policy: UInt32 = 1) throws {
        try send(
            .make(
                ContainerOrder(
                    number: order, policy: policy, user: ContainerPlan.User(uid: 70001, gid: 70002), socket: "/run/s",
                    run: "r\(order)")))
    }

    /// What it says next; notes are kept aside.
    func next() async throws -> ContainerEvent {
        for _ in 0..<10_000 {
            if let event = try heard() { return event }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw FixtureError.silence
    }

    private func heard() throws -> ContainerEvent? {
        while true {
            do {
                let message = try MessageSocket.receive(
                    from: link.number, maximum: ContainerEvent.maximumBytes, wait: false)
                guard let message else { throw FixtureError.ended }
                let event = try ContainerEvent(decoding: message.bytes)
                guard case .note(let text) = event else { return event }
                notes.append(text)
            } catch let error as SystemError where error.errno == EAGAIN {
                return nil
            }
        }
    }

    /// Nothing but notes for so long.
    func expectSilence(milliseconds: Int) async throws {
        for _ in 0..<milliseconds {
            if let event = try heard() { throw FixtureError.unexpected("\(event)") }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    /// Makes one, whatever comes of it; `removed` is heard.
    func failure(_ order: UInt64, policy: UInt32 = 1) async throws -> LaunchFailure? {
        try make(order, policy: policy)
        switch try await next() {
        case .started(order, _, _): return nil
        case .failed(order, let failure):
            #expect(try await next() == .removed(order: order))
            return failure
        case let other: throw FixtureError.unexpected("\(other)")
        }
    }

    func started(_ order: UInt64, policy: UInt32 = 1) async throws -> String {
        try make(order, policy: policy)
        let event = try await next()
        guard case .started(order, let container, _) = event else { throw FixtureError.unexpected("\(event)") }
        return container
    }

    func wait(for condition: () -> Bool, _ words: String) async throws {
        for _ in 0..<10_000 {
            if condition() { return }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw FixtureError.unexpected("never: \(words)")
    }

    func waitForNone() async throws { try await wait(for: { engine.containers.isEmpty }, "no container") }

    /// It has looked for what is left, once.
    func waitForSweep() async throws {
        try await wait(for: { engine.count("GET /containers/json") > 0 }, "a look at all containers")
        // What it makes of the answer is made by then.
        _ = try await failure(9999)
        try send(.remove(order: 9999))
        #expect(try await next() == .removed(order: 9999))
    }

    /// The launcher's end. Returns milliseconds until it has ended.
    @discardableResult
    func end() async throws -> UInt64 {
        let begin = monotonicNanoseconds()
        shutdown(link.number, Int32(SHUT_RDWR))
        #expect(await served.value)
        return (monotonicNanoseconds() - begin) / 1_000_000
    }
}

enum FixtureError: Error {
    case silence
    case ended
    case unexpected(String)
}
