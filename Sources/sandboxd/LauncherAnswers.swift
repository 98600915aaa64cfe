import LaunchPlan
import NIOCore
import SandboxPolicy

/// What the launcher says to `LauncherProcess.prepare`: each policy in turn, and then what it found. Confined to the loop.
final class LauncherAnswers {
    private var open: [Policy]
    private let promise: EventLoopPromise<ResourceControl>
    private var isDone = false
    private var timer: Scheduled<Void>?

    /// The first answers wait for file systems that are built.
    private static let patience = TimeAmount.seconds(60)

    init(_ policies: PolicySet, loop: any EventLoop) {
        // The next one is the last.
        open = policies.names.sorted(by: >).compactMap { policies[$0] }
        promise = loop.makePromise()
        timer = loop.assumeIsolated().scheduleTask(in: Self.patience) { [weak self] in
            self?.fail(StartUpError(.unavailable, "the launcher does not answer"))
        }
    }

    /// Fails with why nothing can be served: a `StartUpError`.
    var result: EventLoopFuture<ResourceControl> { promise.futureResult }

    func take(_ event: LauncherEvent) {
        switch event {
        case .policyReady(open.last?.name): open.removeLast()
        case .policyRefused(_, let failure):
            guard let policy = open.last else { return wrong() }
            fail(LauncherProcess.refusal(of: policy, failure))
        case .sealed(let found) where open.isEmpty:
            guard !isDone else { return }
            end()
            promise.succeed(found)
        default: wrong()
        }
    }

    func launcherEnded() { fail(StartUpError(.unavailable, "the launcher has ended; its reason is above")) }

    private func wrong() {
        let subject = open.last.map { "to policy '\($0.name)'" } ?? "to the end of the policies"
        fail(StartUpError(.unavailable, "the launcher gave a wrong answer \(subject)"))
    }

    private func fail(_ error: StartUpError) {
        guard !isDone else { return }
        end()
        promise.fail(error)
    }

    private func end() {
        isDone = true
        timer?.cancel()
    }
}
