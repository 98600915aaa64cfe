import Foundation
import Glibc
import LaunchPlan
import LinuxSystem
import SandboxPolicy
import Synchronization

/// The other end of the launcher's socket: a thread that answers as the launcher would and plays the command itself.
///
/// `true`, `echo WORDS`, `cat`, `spew BYTES`, `sleep`, `crash SIGNAL`, `memory`, `missing` and `die` are its programs.
final class FakeLauncher: Sendable {
    private struct Shared {
        var commands: [LauncherCommand] = []
        var killed: Set<UInt64> = []
        var hasEnded = false
        var probes: [String: Probe] = [:]
    }

    /// What the probe of a policy does.
    enum Probe {
        /// Writes what a sound sandbox shows, changed.
        case writes(@Sendable (String) -> String)
        case fails(LaunchFailure)
        case crashes
        case hangs
    }

    private let socket: Int32
    private let shared = Mutex(Shared())

    init(socket: Int32) {
        self.socket = socket
        Thread.detachNewThread { [self] in serve() }
    }

    var commands: [LauncherCommand] { shared.withLock { $0.commands } }

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

    private func send(_ event: LauncherEvent) { try? MessageSocket.send(event.encoded, over: socket) }

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
            case .sample(let run):
                var usage = TreeUsage()
                usage.userMicroseconds = 10_000_000
                usage.systemMicroseconds = 0
                send(.sampled(run: run, usage: usage))
            case .admit, .dismiss, .signal, .policy, .trust, .audit, .seal: message.closeAll()
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
        let (program, descriptors) = (request.argv[0], message.descriptors)
        if program == "missing" {
            message.closeAll()
            return send(.failed(run: request.run, failure: LaunchFailure(.commandExecute, errno: ENOENT, "missing")))
        }
        let startedAt = monotonicNanoseconds()
        send(.started(run: request.run, at: startedAt))
        var ending = RunReport.Ending.exited(0)
        var usage = TreeUsage()
        switch program {
        case "echo": put(Array(request.argv.dropFirst().joined(separator: " ").utf8), descriptors[1], request.run)
        case "warn": put(Array("warning".utf8), descriptors[2], request.run)
        case "cat": copy(descriptors[0], descriptors[1], request.run)
        case "spew":
            let count = Int(request.argv[1]) ?? 0
            if !put([UInt8](repeating: 120, count: count), descriptors[1], request.run) { ending = .killed }
        case "sleep":
            while !isKilled(request.run) { usleep(1000) }
            ending = .killed
        case "crash": ending = .signaled(Int32(request.argv[1]) ?? 6)
        case "memory":
            usage.memoryKills = 1
            usage.forksRefused = 3
            ending = .signaled(9)
        default: break
        }
        message.closeAll()
        let endedAt = monotonicNanoseconds()
        send(
            .finished(
                run: request.run,
                report: RunReport(ending: ending, startedAt: startedAt, endedAt: endedAt, usage: usage)))
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

    private func isKilled(_ run: UInt64) -> Bool { shared.withLock { $0.hasEnded || $0.killed.contains(run) } }

    /// Writes until done or killed; returns whether it was done.
    @discardableResult
    private func put(_ bytes: [UInt8], _ descriptor: Int32, _ run: UInt64) -> Bool {
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
