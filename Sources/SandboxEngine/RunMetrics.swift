import CoreMetrics
package import SandboxMetrics
import SandboxModel

/// What an engine counts of runs and refusals, by policy and user: through swift-metrics, into a registry of its own. Written behind
/// the answers (`Afterwards`). Confined to the loop.
package final class RunMetrics {
    package let registry = MetricRegistry(families)

    static let families: [MetricRegistry.Family] = [
        .init("sandboxd_runs_total", "Runs that have ended, by reason of their end."),
        .init(
            "sandboxd_refusals_total", "Requests that came to no run, by error code; denied by a policy's rule: denied."
        ),
        .init("sandboxd_denials_total", "What was refused to running commands, and kept in their results, by kind."),
        .init("sandboxd_output_bytes_total", "Bytes that commands have written, by stream."),
        .init(
            "sandboxd_run_start_seconds", "From a request's frame to its command.",
            buckets: [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5]),
        .init(
            "sandboxd_run_wall_seconds", "Wall-clock time of commands.",
            buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120, 600, 3600]),
    ]

    private struct Key: Hashable {
        var policy: String
        var uid: UInt32
    }

    /// What every run of a policy and a user counts into, so that none is looked up for each.
    private final class Handles {
        let start: Timer
        let wall: Timer
        let output: Counter
        let errors: Counter
        var runs: [String: Counter] = [:]
        var denials: [String: Counter] = [:]

        init(_ labels: [(String, String)], _ registry: MetricRegistry) {
            start = Timer(label: "sandboxd_run_start_seconds", dimensions: labels, factory: registry)
            wall = Timer(label: "sandboxd_run_wall_seconds", dimensions: labels, factory: registry)
            func counter(_ stream: String) -> Counter {
                Counter(
                    label: "sandboxd_output_bytes_total", dimensions: labels + [("stream", stream)], factory: registry)
            }
            (output, errors) = (counter("stdout"), counter("stderr"))
        }
    }

    private var handles: [Key: Handles] = [:]
    /// More are not kept at hand: policies are root's to make, users anybody's.
    private static let mostHandles = 1024

    package init() {}

    private static func labels(_ policy: String, _ uid: UInt32) -> [(String, String)] {
        [("policy", policy), ("user", "\(uid)")]
    }

    private func handles(_ key: Key) -> Handles {
        if let known = handles[key] { return known }
        let made = Handles(Self.labels(key.policy, key.uid), registry)
        if handles.count >= Self.mostHandles { handles = [:] }
        handles[key] = made
        return made
    }

    /// What became of a request that was taken.
    func told(_ end: Result<RunResult, ServiceError>, uid: UInt32) {
        switch end {
        case .success(let result): ended(result, uid: uid)
        case .failure(let error): refused(uid: uid, code: error.code.rawValue)
        }
    }

    private func ended(_ result: RunResult, uid: UInt32) {
        let handles = handles(Key(policy: result.policy, uid: uid))
        let labels = Self.labels(result.policy, uid)
        let usage = result.usage
        count("sandboxd_runs_total", labels, "reason", result.outcome.reason.rawValue, &handles.runs)
        if let start = usage.startMilliseconds { handles.start.recordNanoseconds(Int64(clamping: UInt64(start * 1e6))) }
        if let wall = usage.wallMilliseconds { handles.wall.recordNanoseconds(Int64(clamping: wall) &* 1_000_000) }
        handles.output.increment(by: Int64(clamping: usage.stdoutBytes ?? 0))
        handles.errors.increment(by: Int64(clamping: usage.stderrBytes ?? 0))
        for denial in result.denials {
            count("sandboxd_denials_total", labels, "kind", denial.kind.rawValue, &handles.denials)
        }
    }

    private func count(
        _ family: String, _ labels: [(String, String)], _ name: String, _ value: String,
        _ counters: inout [String: Counter]
    ) {
        let counter =
            counters[value] ?? Counter(label: family, dimensions: labels + [(name, value)], factory: registry)
        counters[value] = counter
        counter.increment()
    }

    /// A request came to nothing. What policy it named is anybody's word, and none is counted by that.
    func refused(uid: UInt32, code: String) {
        Counter(
            label: "sandboxd_refusals_total", dimensions: [("code", code), ("user", "\(uid)")], factory: registry
        ).increment()
    }
}
