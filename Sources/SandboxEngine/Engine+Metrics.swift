import LaunchPlan
import LinuxSystem
import SandboxMetrics
import SandboxModel

extension Engine {
    /// What was counted since the beginning, and what there is now, as the client may see it: its user's, all for root.
    package func metrics(for client: Client, then: @escaping (String) -> Void) {
        service(for: client) { [self] stats in
            let isRoot = client.peer.uid == 0
            let own = Label(name: "user", value: "\(client.peer.uid)")
            let counted = metrics.registry.text { isRoot || $0.contains(own) }
            then(counted + now(stats, for: client).text)
        }
    }

    private func now(_ stats: ServiceStats, for client: Client) -> Exposition {
        var text = Exposition()
        var alive: [[Label]: UInt64] = [:]
        for run in runs.values where isVisible(run, to: client) {
            let labels = [
                Label(name: "policy", value: run.plan.policy), Label(name: "user", value: "\(run.client.peer.uid)"),
            ]
            alive[labels, default: 0] += 1
        }
        text.add(
            .init("sandboxd_runs", "Runs that are alive."), alive.map { ($0.key, .level(Double($0.value))) })
        // Of everybody's together.
        guard client.peer.uid == 0 else { return text }
        func add(_ name: String, _ help: String, _ values: SeriesValues?) {
            if let values { text.add(.init(name, help), [([], values)]) }
        }
        add("sandboxd_draining", "1 while no new runs are taken.", .level(stats.draining == true ? 1 : 0))
        add(
            "sandboxd_runs_dying", "Runs that were told and are still taken apart.",
            stats.dying.map { .level(Double($0)) })
        guard let warm = stats.warm else { return text }
        add("sandboxd_warm_capacity", "Sandboxes that may wait for requests.", .level(Double(warm.capacity)))
        text.add(
            .init("sandboxd_warm_sandboxes", "Sandboxes that wait for requests."),
            warm.waiting.map { ([Label(name: "policy", value: $0.key)], .level(Double($0.value))) })
        add("sandboxd_warm_hits_total", "Runs that found a sandbox that waited.", .count(warm.hits))
        add("sandboxd_warm_misses_total", "Runs for which a sandbox was made.", .count(warm.misses))
        return text
    }
}
