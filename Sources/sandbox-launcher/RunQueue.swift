import Glibc
import LaunchPlan
import LinuxSystem

/// Runs that wait for a sandbox which the preparer makes. The launcher could make it itself, and everybody's requests would wait
/// meanwhile.
struct RunQueue {
    /// One of them. Owns its descriptors.
    final class Entry {
        let start: RunStart
        /// CLOCK_MONOTONIC, nanoseconds.
        let since = monotonicNanoseconds()
        /// A container is being made that is called after it.
        var isOrdered = false
        /// From 1 to 31, for its command when it has one; each once, as of pending ones (signal(7)).
        private(set) var signals: [Int32] = []

        func note(_ signal: Int32) {
            if !signals.contains(signal) { signals.append(signal) }
        }

        /// - Parameter start: its descriptors stay the caller's.
        init(_ start: RunStart) throws(SystemError) {
            var own: [Int32] = []
            do throws(SystemError) {
                for descriptor in start.descriptors { own.append(try duplicateDescriptor(descriptor).release()) }
            } catch {
                for descriptor in own { close(descriptor) }
                throw error
            }
            self.start = start.with(own)
        }

        deinit {
            for descriptor in start.descriptors { close(descriptor) }
        }
    }

    private var entries: [Entry] = []

    var count: Int { entries.count }
    /// How many wait, by policy; the policy whose first one has waited longest comes first.
    var demand: [(policy: String, count: Int)] {
        var demand: [(policy: String, count: Int)] = []
        for entry in entries {
            let policy = entry.start.request.policy
            if let index = demand.firstIndex(where: { $0.policy == policy }) {
                demand[index].count += 1
            } else {
                demand.append((policy, 1))
            }
        }
        return demand
    }

    /// A signal for a run that is here.
    func note(_ signal: Int32, for run: UInt64) {
        entries.first { $0.start.request.run == run }?.note(signal)
    }

    /// How many wait for sandboxes of this policy, as it is and not as it is called.
    func count(of policy: PreparedPolicy) -> Int { entries.count { $0.start.policy === policy } }

    /// The first one of them.
    mutating func next(of policy: PreparedPolicy) -> Entry? {
        guard let index = entries.firstIndex(where: { $0.start.policy === policy }) else { return nil }
        return entries.remove(at: index)
    }

    /// Those that somebody waits for, each once, in the order of their requests.
    var policies: [PreparedPolicy] {
        entries.reduce(into: []) { policies, entry in
            if !policies.contains(where: { $0 === entry.start.policy }) { policies.append(entry.start.policy) }
        }
    }

    /// The first one of a policy after which no container is called yet.
    func firstUnordered(of policy: PreparedPolicy) -> Entry? {
        entries.first { $0.start.policy === policy && !$0.isOrdered }
    }

    /// Takes out a run, if it is here.
    mutating func take(_ run: UInt64) -> Entry? {
        guard let index = entries.firstIndex(where: { $0.start.request.run == run }) else { return nil }
        return entries.remove(at: index)
    }

    /// Puts one back where it was.
    mutating func putBack(_ entry: Entry) { entries.insert(entry, at: 0) }

    func hasOne(before time: UInt64) -> Bool { entries.first.map { $0.since < time } ?? false }

    func holds(_ run: UInt64) -> Bool { entries.contains { $0.start.request.run == run } }

    mutating func append(_ entry: Entry) { entries.append(entry) }

    /// The first one of a policy, or of any.
    mutating func next(of policy: String? = nil) -> Entry? {
        guard let index = entries.firstIndex(where: { policy == nil || $0.start.request.policy == policy }) else {
            return nil
        }
        return entries.remove(at: index)
    }

    /// Takes a run out. Returns whether it was here.
    mutating func remove(_ run: UInt64) -> Bool {
        guard let index = entries.firstIndex(where: { $0.start.request.run == run }) else { return false }
        entries.remove(at: index)
        return true
    }

    /// Takes out the runs of a client, and returns them.
    mutating func removeAll(of client: UInt32) -> [UInt64] {
        let runs = entries.filter { $0.start.request.client == client }.map(\.start.request.run)
        entries.removeAll { $0.start.request.client == client }
        return runs
    }

    /// One that has waited since before a time.
    mutating func next(before time: UInt64) -> Entry? {
        guard let first = entries.first, first.since < time else { return nil }
        return entries.removeFirst()
    }
}
