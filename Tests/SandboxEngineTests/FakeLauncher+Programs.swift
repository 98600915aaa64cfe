import Foundation
import Glibc
import LaunchPlan
import LinuxSystem

/// What the fake launcher's programs do.
extension FakeLauncher {
    /// Writes so many bytes in pieces: 0, 1, 2 to 250, and again.
    func flood(_ count: Int, _ descriptor: Int32, _ run: UInt64) {
        let piece = (0..<251 * 256).map { UInt8($0 % 251) }
        var left = count
        while left > 0, put(Array(piece.prefix(left)), descriptor, run) { left -= piece.count }
    }

    /// Reads a little at a time, so that whoever writes is always ahead.
    func sip(_ input: Int32, _ run: UInt64) {
        var buffer = [UInt8](repeating: 0, count: 32 << 10)
        var position = 0
        while !isKilled(run) {
            let count = read(input, &buffer, buffer.count)
            guard count > 0 else { return }
            // Whatever was sent is what comes.
            for byte in buffer[..<count] {
                guard byte == UInt8(truncatingIfNeeded: position &* 7) else { return }
                position += 1
            }
        }
    }

    /// The same without a look, but never as fast as it can be fed.
    func swallow(_ input: Int32, _ run: UInt64) {
        var buffer = [UInt8](repeating: 0, count: 32 << 10)
        while !isKilled(run), read(input, &buffer, buffer.count) > 0 { usleep(500) }
    }

    /// Somebody outside the sandbox has the pipe as well, when the command has ended.
    func hold(_ descriptor: Int32, writing: Bool) {
        let copy = dup(descriptor)
        try? setNonBlocking(copy)
        Thread.detachNewThread { [self] in
            let bytes = [UInt8](repeating: 46, count: 65_536)
            while !hasEnded {
                if writing, write(copy, bytes, bytes.count) < 0, errno != EAGAIN { break }
                if !writing { usleep(1000) }
            }
            close(copy)
        }
        put(Array("held".utf8), descriptor, 0)
    }

    /// The pipe's end is closed, while its number stays taken for whoever closes it later.
    func shutDown(_ descriptor: Int32) {
        let nothing = open("/dev/null", O_RDWR | O_CLOEXEC)
        dup2(nothing, descriptor)
        close(nothing)
    }

    /// Starts, fails and ends as a launcher may at worst: in any order with the kill, and more than once.
    func race(_ request: LaunchRequest, _ message: MessageSocket.Message) {
        var chance = Seeded(state: UInt64(request.argv[1]) ?? 0)
        func pause() { if Bool.random(using: &chance) { usleep(UInt32.random(in: 0...1500, using: &chance)) } }
        func report(_ ending: RunReport.Ending) -> LauncherEvent {
            var usage = TreeUsage()
            usage.memoryKills = Int.random(in: 0..<8, using: &chance) == 0 ? 1 : 0
            let now = monotonicNanoseconds()
            return .finished(
                run: request.run, report: RunReport(ending: ending, startedAt: now, endedAt: now, usage: usage))
        }
        pause()
        let failure = LauncherEvent.failed(run: request.run, failure: LaunchFailure(.clone, errno: EAGAIN))
        if Int.random(in: 0..<8, using: &chance) == 0 {
            send(failure)
        } else {
            send(.started(run: request.run, at: monotonicNanoseconds()))
            if Bool.random(using: &chance) { put(Array("output".utf8), message.descriptors[1], request.run) }
            pause()
            send(report(isKilled(request.run) ? .killed : .exited(0)))
        }
        if Int.random(in: 0..<8, using: &chance) == 0 { send(report(.exited(1))) }
        if Int.random(in: 0..<8, using: &chance) == 0 { send(failure) }
        message.closeAll()
    }
}
