import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// A sandboxd that was taken over: it has the launcher's socket, and nothing that it says can be trusted.
final class HostileDaemon {
    let harness: LauncherHarness
    private let limits: LaunchLimits
    private let descriptorsAtStart: Int
    /// Runs that this test asked for and whose end it has not seen.
    private var nextRun: UInt64 = 1 << 40

    init(_ policy: CompiledPolicy = .testing()) throws {
        harness = try LauncherHarness.ready(policy)
        // The first run opens what is kept.
        limits = policy.maximum
        let first = try harness.run(["true"], limits: limits)
        try #require(first.failure == nil && first.report != nil)
        var counts: [Int] = []
        for _ in 0..<20 { counts.append(try Self.descriptors(of: harness)) }
        descriptorsAtStart = counts.min() ?? 0
    }

    /// How many descriptors the launcher holds when it has done all that it was told and waits.
    private static func descriptors(of harness: LauncherHarness) throws -> Int {
        // The last run's are closed after its end was told; what answers this comes after that.
        _ = try harness.run(["true"], policy: "none")
        usleep(2000)
        return try Directory("/proc/\(harness.pid)/fd").entries().count
    }

    /// A good request, for changing one thing about it.
    func request(_ change: (inout LaunchRequest) -> Void = { _ in }) -> LaunchRequest {
        nextRun += 1
        var request = LaunchRequest(
            run: nextRun, policy: "testing", client: 1, workspace: nil, cwd: "", argv: ["true"],
            environment: ["PATH=/usr/bin:/bin"], limits: limits, terminal: false)
        change(&request)
        return request
    }

    /// Launches with /dev/null three times, or with other descriptors, and returns what the launcher says to it.
    func launch(_ request: LaunchRequest, _ descriptors: [Int32]? = nil) throws -> LauncherEvent {
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        let number = null.number
        try harness.send(.launch(request), descriptors ?? [number, number, number])
        while true {
            let event = try harness.next()
            if case .started = event { continue }
            return event
        }
    }

    /// The stage at which a launch fails; `nil` when it does not.
    func stage(_ request: LaunchRequest, _ descriptors: [Int32]? = nil) throws -> LaunchStage? {
        if case .failed(request.run, let failure) = try launch(request, descriptors) { return failure.stage }
        return nil
    }

    /// Whether the launcher lives, serves, and holds no descriptor that it did not hold before. Answers to what was sent
    /// before are read and dropped.
    func isUnimpressed() throws -> Bool {
        let good = request()
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        let number = null.number
        try harness.send(.launch(good), [number, number, number])
        var open = Set<UInt64>()
        var ending: RunReport.Ending?
        while ending == nil || !open.isEmpty {
            switch try harness.next() {
            case .started(let run, _, _): open.insert(run)
            case .failed(let run, _): open.remove(run)
            case .finished(let run, let report):
                open.remove(run)
                if run == good.run { ending = report.ending }
            default: break
            }
        }
        var held = Int.max
        for _ in 0..<500 where held > descriptorsAtStart { held = try Self.descriptors(of: harness) }
        #expect(held <= descriptorsAtStart, "the launcher holds \(held) descriptors and had \(descriptorsAtStart)")
        return ending == .exited(0) && held <= descriptorsAtStart
    }

    /// One message with any number of descriptors (at most 253, the kernel's SCM_MAX_FD).
    func sendRaw(_ bytes: [UInt8], copies: Int, of descriptor: Int32) throws {
        // cmsghdr(3) of 64-bit Linux: length, level, type, then the descriptors.
        var control = withUnsafeBytes(of: UInt64(16 + 4 * copies)) { Array($0) }
        for word in [SOL_SOCKET, 1] + [Int32](repeating: descriptor, count: copies) {
            withUnsafeBytes(of: word) { control += Array($0) }
        }
        while control.count % 8 != 0 { control.append(0) }
        var bytes = bytes
        let socket = harness.controlNumber
        try bytes.withUnsafeMutableBytes { data in
            var part = iovec(iov_base: data.baseAddress, iov_len: data.count)
            try control.withUnsafeMutableBytes { control in
                var message = msghdr()
                message.msg_control = control.baseAddress
                message.msg_controllen = control.count
                try withUnsafeMutablePointer(to: &part) { part in
                    message.msg_iov = part
                    message.msg_iovlen = 1
                    try system("send a message") { sendmsg(socket, &message, Int32(MSG_NOSIGNAL)) }
                }
            }
        }
    }
}
