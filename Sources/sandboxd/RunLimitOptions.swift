import ArgumentParser
import SandboxEngine

/// How many runs are alive at once; what comes beyond is refused as `overloaded`, with the time to try again after.
struct RunLimitOptions: ParsableArguments {
    /// The launcher keeps 4096 sandboxes, policies' probes among them.
    private static let most = 4000
    private static let usual = EngineLimits()
    private static let roomBeside = 64

    @Option(help: "Runs alive at once (default: \(usual.runs)).")
    var maxRuns: Int?

    @Option(help: "Of them, of one user (default: \(usual.runsPerUser), at most all).")
    var maxRunsPerUser: Int?

    @Option(help: "Of them, on one connection (default: \(usual.runsPerConnection), at most the user's).")
    var maxRunsPerConnection: Int?

    /// What is said stands; a share that is not said gives way to the whole.
    var limits: EngineLimits {
        get throws(StartUpError) {
            var limits = Self.usual
            limits.runs = try Self.checked(maxRuns, "--max-runs", limits.runs, within: Self.most)
            limits.runsPerUser = try Self.checked(
                maxRunsPerUser, "--max-runs-per-user", limits.runsPerUser, within: limits.runs)
            limits.runsPerConnection = try Self.checked(
                maxRunsPerConnection, "--max-runs-per-connection", limits.runsPerConnection,
                within: limits.runsPerUser)
            // Each `sandboxctl exec` is a connection of its own; beside them there is room for asking and for ending.
            limits.connectionsPerUser = max(limits.connectionsPerUser, limits.runsPerUser + Self.roomBeside)
            limits.connections = min(Self.most, max(limits.connections, limits.runs + 4 * Self.roomBeside))
            return limits
        }
    }

    private static func checked(
        _ value: Int?, _ option: String, _ usual: Int, within most: Int
    ) throws(StartUpError) -> Int {
        guard let value else { return min(usual, most) }
        guard (1...most).contains(value) else {
            throw StartUpError(.usage, "\(option) takes 1 to \(most), not \(value)")
        }
        return value
    }
}
