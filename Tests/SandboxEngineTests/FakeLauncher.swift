import Foundation
import Glibc
import LaunchPlan
import LinuxSystem
import SandboxPolicy
import Synchronization

/// The other end of the launcher's socket: a thread that answers as the launcher would and plays the command itself.
///
/// Its programs are in `play`, beside `missing`, which is none, and `die`, which ends the launcher.
final class FakeLauncher: Sendable {
    private struct Shared {
        var commands: [LauncherCommand] = []
        var killed: Set<UInt64> = []
        var stopped: Set<UInt64> = []
        /// Runs whose samples are not answered.
        var silent: Set<UInt64> = []
        var sample = FakeLauncher.busy
        /// `nil`: questions about the pool are not answered.
        var pool: PoolReport? = PoolReport()
        var hasEnded = false
        var probes: [String: Probe] = [:]
        /// What is said to a reload, if anything.
        var reload: LauncherEvent?
    }

    /// What the probe of a policy does.
    enum Probe {
        /// Writes what a sound sandbox shows, changed.
        case writes(@Sendable (String) -> String)
        case fails(LaunchFailure)
        case crashes
        case hangs
    }

    /// What every start takes here, in nanoseconds: until it was handed over, and from there until it was executed.
    static let launcherTime: UInt64 = 5000
    static let sandboxTime: UInt64 = 7000

    private let socket: Int32
    private let shared = Mutex(Shared())

    init(socket: Int32) {
        self.socket = socket
        Thread.detachNewThread { [self] in serve() }
    }

    var commands: [LauncherCommand] { shared.withLock { $0.commands } }

    /// What is told of every tree.
    func set(sample: TreeUsage) { shared.withLock { $0.sample = sample } }

    /// What is told of the pool; `nil`: nothing.
    func set(pool: PoolReport?) { shared.withLock { $0.pool = pool } }

    func set(reload: LauncherEvent?) { shared.withLock { $0.reload = reload } }

    /// Ten seconds of CPU time.
    private static var busy: TreeUsage {
        var usage = TreeUsage()
        usage.userMicroseconds = 10_000_000
        usage.systemMicroseconds = 0
        return usage
    }

    var hasEnded: Bool { shared.withLock { $0.hasEnded } }

    /// What a policy's probes do from now on; without it they write what a sound sandbox shows.
    func set(_ probe: Probe?, for policy: String) { shared.withLock { $0.probes[policy] = probe } }

    /// The policies that were probed, in order.
    var probed: [String] {
        commands.compactMap { if case .launch(let request) = $0, request.probe { request.policy } else { nil } }
    }

    /// Ends a probe that hangs, as a kill would.
    func end(probeOf policy: String) {
        for case .launch(let request) in commands where request.probe && request.policy == policy {
            shared.withLock { _ = $0.killed.insert(request.run) }
        }
    }

    func send(_ event: LauncherEvent) { try? MessageSocket.send(event.encoded, over: socket) }

    private func serve() {
        while let message = try? MessageSocket.receive(from: socket, maximum: LauncherCommand.maximumBytes) {
            guard let command = try? LauncherCommand(decoding: message.bytes) else { break }
            shared.withLock { $0.commands.append(command) }
            switch command {
            case .launch(let request):
                if request.probe {
                    Thread.detachNewThread { [self] in probe(request, message) }
                    continue
                }
                if request.argv[0] == "die" {
                    message.closeAll()
                    return end()
                }
                Thread.detachNewThread { [self] in launch(request, message) }
            case .kill(let run): shared.withLock { _ = $0.killed.insert(run) }
            case .stop(let run): shared.withLock { _ = $0.stopped.insert(run) }
            case .sample(let run):
                let sample = shared.withLock { $0.silent.contains(run) ? nil : $0.sample }
                if let sample { send(.sampled(run: run, usage: sample)) }
            case .pool: if let pool = shared.withLock({ $0.pool }) { send(.pool(pool)) }
            case .reload: if let answer = shared.withLock({ $0.reload }) { send(answer) }
            case .adopted, .reader, .engine, .admit, .dismiss, .prepare, .signal, .policy, .trust, .audit, .seal:
                message.closeAll()
            }
        }
        end()
    }

    deinit { close(socket) }

    /// Not `close`: other threads may be sending.
    private func end() {
        shutdown(socket, Int32(SHUT_RDWR))
        shared.withLock { $0.hasEnded = true }
    }

    private func launch(_ request: LaunchRequest, _ message: MessageSocket.Message) {
        if request.argv[0] == "missing" {
            message.closeAll()
            return send(.failed(run: request.run, failure: LaunchFailure(.commandExecute, errno: ENOENT, "missing")))
        }
        if request.argv[0] == "race" { return race(request, message) }
        let now = monotonicNanoseconds()
        var report = RunReport(
            ending: .exited(0), startedAt: now, endedAt: 0, usage: TreeUsage(),
            stamps: LaunchStamps(
                receivedAt: now - Self.launcherTime - Self.sandboxTime, handedOverAt: now - Self.sandboxTime,
                isWarm: true))
        // One that is over before its start is told has only its report.
        if !["flash", "early"].contains(request.argv[0]) {
            send(.started(run: request.run, at: report.startedAt, stamps: report.stamps))
        }
        play(request, message.descriptors, &report)
        // What was killed has not ended by itself.
        if isKilled(request.run) { report.ending = .killed }
        message.closeAll()
        report.endedAt = monotonicNanoseconds()
        send(.finished(run: request.run, report: report))
    }

    private func play(_ request: LaunchRequest, _ descriptors: [Int32], _ report: inout RunReport) {
        let (run, words) = (request.run, Array(request.argv.dropFirst()))
        let number = words.first.flatMap { Int($0) } ?? 0
        switch request.argv[0] {
        case "echo": put(Array(words.joined(separator: " ").utf8), descriptors[1], run)
        case "warn": put(Array("warning".utf8), descriptors[2], run)
        case "both":
            put(Array(words[0].utf8), descriptors[1], run)
            put(Array(words[1].utf8), descriptors[2], run)
        case "cat": copy(descriptors[0], descriptors[1], run)
        case "spew": put([UInt8](repeating: 120, count: number), descriptors[1], run)
        case "flood": flood(number, descriptors[1], run)
        case "wide":
            // F_SETPIPE_SZ: all that is written lies in the pipe when the command has ended.
            guard fcntl(descriptors[1], 1031, Int32(number)) >= number else { return }
            put((0..<number).map { UInt8($0 % 251) }, descriptors[1], run)
        case "sip": sip(descriptors[0], run)
        case "swallow": swallow(descriptors[0], run)
        // Never reads; ends when it is told to, or after some milliseconds.
        case "sleep":
            wait(run, milliseconds: words.isEmpty ? .max : number) { isAsked(run) }
            if isAsked(run) { report.ending = .signaled(15) }
        case "deaf": wait(run, milliseconds: .max) { false }
        case "silent":
            shared.withLock { _ = $0.silent.insert(run) }
            wait(run, milliseconds: .max) { isAsked(run) }
        case "closed":
            // Standard input is closed at once; the launcher's own copy of it is all there is here.
            shutDown(descriptors[0])
            wait(run, milliseconds: number) { isAsked(run) }
        case "polite":
            wait(run, milliseconds: .max) { isAsked(run) }
            put(Array("goodbye".utf8), descriptors[1], run)
            report.ending = .exited(7)
        case "early":
            put(Array("early".utf8), descriptors[1], run)
            wait(run, milliseconds: .max) { isAsked(run) }
        case "held": hold(descriptors[1], writing: words.first == "writing")
        case "crash": report.ending = .signaled(Int32(number))
        case "memory":
            report.usage.memoryKills = 1
            report.usage.forksRefused = 3
            report.fullSpaces = [.tmp, .workspaceInodes]
            report.ending = .signaled(9)
        default: break
        }
    }

    private func probe(_ request: LaunchRequest, _ message: MessageSocket.Message) {
        defer { message.closeAll() }
        var usage = TreeUsage()
        usage.memoryPeakBytes = 4096
        var report = RunReport(ending: .exited(0), startedAt: 1, endedAt: 2, usage: usage)
        // A policy that a test has made extends the default one.
        let known = try? PolicySet.builtIn()
        let policy = known?[request.policy] ?? known?["default"]
        let sound = SoundFacts.text(policy?.compiled() ?? .none)
        switch shared.withLock({ $0.probes[request.policy] }) {
        case nil: put(Array(sound.utf8), message.descriptors[1], request.run)
        case .writes(let change): put(Array(change(sound).utf8), message.descriptors[1], request.run)
        case .fails(let failure): return send(.failed(run: request.run, failure: failure))
        case .crashes: report.ending = .signaled(31)
        case .hangs:
            while !isKilled(request.run) { usleep(1000) }
            report.ending = .killed
        }
        send(.finished(run: request.run, report: report))
    }

    func isKilled(_ run: UInt64) -> Bool { shared.withLock { $0.hasEnded || $0.killed.contains(run) } }

    private func isAsked(_ run: UInt64) -> Bool { shared.withLock { $0.stopped.contains(run) } }

    private func wait(_ run: UInt64, milliseconds: Int, until condition: () -> Bool) {
        var left = milliseconds
        while left > 0, !isKilled(run), !condition() {
            usleep(1000)
            left -= 1
        }
    }

    /// Writes until done or killed; returns whether it was done.
    @discardableResult
    func put(_ bytes: [UInt8], _ descriptor: Int32, _ run: UInt64) -> Bool {
        try? setNonBlocking(descriptor)
        var offset = 0
        while offset < bytes.count {
            if isKilled(run) { return false }
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + offset, $0.count - offset) }
            if count < 0, errno != EAGAIN { return false }
            if count < 0 { usleep(500) } else { offset += count }
        }
        return true
    }

    private func copy(_ input: Int32, _ output: Int32, _ run: UInt64) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(input, &buffer, buffer.count)
            guard count > 0, put(Array(buffer.prefix(count)), output, run) else { return }
        }
    }
}
