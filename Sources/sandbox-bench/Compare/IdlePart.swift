import Glibc
import LinuxSystem

/// What a service takes while nobody asks it for anything.
struct IdlePart {
    let context: CompareContext

    func measure() async throws -> CompareReport {
        // One run, so that what is prepared for the policy has been; then time to prepare it anew, and for timers of what
        // was before to run out: they are no periodic wake-ups.
        _ = try context.service.plainClient().run(try PlainClient.request(context.service.request(["/bin/true"])))
        try await Task.sleep(for: .seconds(min(10, context.sizes.idleSeconds)))
        let before = try switches()
        try await Task.sleep(for: .seconds(context.sizes.idleSeconds))
        let after = try switches()
        // Also those of processes that have come meanwhile; of those that are gone nobody knows them.
        let wakeups = after.reduce(UInt64(0)) { $0 + $1.value - min($1.value, before[$1.key] ?? 0) }
        let pss = try after.keys.reduce(UInt64(0)) { $0 + (try MemoryUse(of: $1)).pss }
        return CompareReport(figures: [
            Figure(.idleBytes, Double(pss)),
            Figure(.idleWakeups, Double(wakeups) * 60 / Double(context.sizes.idleSeconds)),
            Figure(.idleProcesses, Double(after.count)),
        ])
    }

    private func switches() throws -> [pid_t: UInt64] {
        var counts: [pid_t: UInt64] = [:]
        for pid in try context.service.processes() { counts[pid] = try ProcessTable.contextSwitches(of: pid) }
        return counts
    }
}
