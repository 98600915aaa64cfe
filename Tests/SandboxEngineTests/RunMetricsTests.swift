import SandboxMetrics
import SandboxModel
import SandboxWire
import Testing

@testable import SandboxEngine

@Suite struct RunMetricsTests {
    /// As many policies and users as anybody has, with the longest names.
    @Test func allSeriesTogetherFitIntoOneMessage() throws {
        let metrics = RunMetrics()
        var usage = Usage()
        (usage.wallMilliseconds, usage.startMilliseconds, usage.stdoutBytes) = (1, 1, 1)
        for number in 0..<2000 {
            let policy = "\(number)-" + String(repeating: "p", count: 250)
            let outcome = Outcome(reason: .exited, message: "")
            metrics.told(
                .success(RunResult(id: "a", policy: policy, outcome: outcome, usage: usage)), uid: .max - UInt32(number)
            )
        }
        let text = metrics.registry.text()
        let frame = try ControlCoding.frame(ServerMessage.metrics(channel: 1, text: text))
        // There is as much room again for what is alive.
        #expect(frame.payload.count < Frame.maximumControlBytes / 2, "\(frame.payload.count)")
        #expect(text.contains(#"sandboxd_runs_total{policy="other",reason="other",user="other"}"#))
    }
}
