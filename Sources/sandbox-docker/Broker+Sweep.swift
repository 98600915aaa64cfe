import LaunchPlan
import LinuxSystem

/// Looking for containers that are nobody's order: what a launcher, an engine or this process has left when it was killed, and what
/// an engine has created without saying so.
extension Broker {
    struct Sweep {
        var isRunning = false
        /// Nobody has looked since the last reason to.
        var isDue = false
        /// CLOCK_MONOTONIC, nanoseconds: until then there may come one that nobody was told of.
        var stragglersUntil: UInt64 = 0
        var pause = firstPause
        var nap: Task<Void, Never>?
        /// What of it is being removed.
        var removing: Set<String> = []
        /// It was said that the engine cannot be asked.
        var isComplaining = false
        /// Everything has been looked through once.
        var hasLooked = false

        var isClean: Bool { hasLooked && removing.isEmpty }

        /// Milliseconds.
        static let firstPause: UInt64 = 500
        static let longestPause: UInt64 = 30_000
        /// What an engine has not created by then, in nanoseconds, it has given up.
        static let stragglersPatience: UInt64 = 600_000_000_000

        /// At once, whatever the pause is.
        func wake() { nap?.cancel() }
    }

    /// Whenever an engine is found. It is tried until an engine has answered.
    func sweepSoon() {
        sweep.isDue = true
        sweep.pause = Sweep.firstPause
        sweep.wake()
        if sweep.isRunning { return }
        sweep.isRunning = true
        Task { await sweepWhileDue() }
    }

    /// An engine has not said what has become of a creation.
    func expectStragglers() {
        sweep.stragglersUntil = monotonicNanoseconds() + Sweep.stragglersPatience
        sweepSoon()
    }

    private func sweepWhileDue() async {
        while isToSweep {
            do throws(EngineFailure) {
                try await sweepOnce()
                sweep.isComplaining = false
                // There was a reason meanwhile.
                if sweep.isDue { continue }
            } catch {
                sweep.isDue = true
                if !sweep.isComplaining {
                    let words = error.launchFailure(at: .containerEngine, engine: settings.engine).words
                    link.send(.note("what is left of earlier containers is not known yet: \(words)".printable))
                }
                sweep.isComplaining = true
            }
            if isToSweep { await rest() }
        }
        sweep.isRunning = false
    }

    private var isToSweep: Bool { !isEnding && (sweep.isDue || monotonicNanoseconds() < sweep.stragglersUntil) }

    private func rest() async {
        let milliseconds = Int64(Double(sweep.pause) * Double.random(in: 0.5...1))
        sweep.pause = min(sweep.pause * 2, Sweep.longestPause)
        // Cancelled: it is over.
        let nap = Task { _ = try? await Task.sleep(for: .milliseconds(milliseconds)) }
        sweep.nap = nap
        await nap.value
        sweep.nap = nil
    }

    private func sweepOnce() async throws(EngineFailure) {
        let api = try await engine()
        sweep.isDue = false
        // What is here now is somebody's, whatever has become of it when the answer is there.
        let known = Set(orders.values.map(\.container))
        let found = try await asking { () async throws(EngineFailure) in
            try await api.containers(labelled: ContainerCreation.ownerLabel)
        }
        for container in found where !known.contains(container.id) && isLeft(container) {
            guard sweep.removing.insert(container.id).inserted else { continue }
            link.send(.note(words(for: container).printable))
            Task {
                _ = await remove(container.id)
                sweep.removing.remove(container.id)
                tellRemoved()
            }
        }
        sweep.hasLooked = true
        tellRemoved()
    }

    private func words(for container: EngineAPI.Listed) -> String {
        let labels = container.labels ?? [:]
        let whose =
            labels[ContainerCreation.makerLabel] == maker
            ? "that the engine has created without saying so" : "that a launcher that is no more has left"
        return "removing container \(container.id.prefix(12)) (\(container.state ?? "?"), policy "
            + "\(labels[ContainerCreation.policyLabel] ?? "?"), run \(labels[ContainerCreation.runLabel] ?? "none")) \(whose)"
    }

    /// Whether it is nobody's any more, and this process's to remove.
    private func isLeft(_ container: EngineAPI.Listed) -> Bool {
        let labels = container.labels ?? [:]
        guard let owner = labels[ContainerCreation.ownerLabel],
            !orders.values.contains(where: { $0.container == container.id })
        else { return false }
        guard owner == settings.owner else {
            // A name that was nobody's when this process began may be another launcher's by now, with containers since then.
            return settings.deadOwners.contains(owner) && container.created ?? .max < beginning
        }
        guard labels[ContainerCreation.makerLabel] == maker else { return true }
        // One that is being created is known by its order alone.
        guard let order = labels[ContainerCreation.orderLabel].flatMap({ UInt64($0) }), let known = orders[order]
        else { return true }
        return !(known.isMaking && known.container.isEmpty)
    }
}
