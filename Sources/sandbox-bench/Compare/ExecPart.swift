import ArgumentParser
import Glibc
import LinuxSystem
import SandboxClient

/// A command's whole way over an open connection: what an agent waits for.
struct ExecPart {
    let context: CompareContext

    private static let warmUp = 20
    private static let block = 20
    /// Long enough for the kernel to have forgotten the last run too: what an agent's next command finds.
    private static let quiet: UInt32 = 100_000

    private struct Samples {
        var spawned: [UInt64] = []
        var plain: [UInt64] = []
        var client: [UInt64] = []
        var started: [UInt64] = []
        var spawnedInRow: [UInt64] = []
        var plainInRow: [UInt64] = []
        var spawnedAfterQuiet: [UInt64] = []
        var plainAfterQuiet: [UInt64] = []
    }

    func measure() async throws -> CompareReport {
        let client = try await SandboxClient.connect(socket: context.service.socket)
        defer { client.close() }
        let plain = try context.service.plainClient()
        let request = context.service.request(["/bin/true"])
        let bytes = try PlainClient.request(request)
        var samples = Samples()
        for index in 0..<context.sizes.runs + Self.warmUp {
            context.pause()
            let spawned = try Program.yardstick.run()
            context.pause()
            let ours = try plain.run(bytes)
            context.pause()
            let before = monotonicNanoseconds()
            let output = try await client.run(request)
            let throughClient = monotonicNanoseconds() - before
            guard output.isSuccess else {
                throw ValidationError("/bin/true did not end well: \(output.result.outcome.message)")
            }
            guard index >= Self.warmUp else { continue }
            samples.spawned.append(spawned)
            samples.plain.append(ours)
            samples.client.append(throughClient)
            samples.started.append(UInt64((output.result.usage.startMilliseconds ?? 0) * 1_000_000))
        }
        for _ in 0..<max(2, context.sizes.runs / Self.block) {
            for _ in 0..<Self.block { samples.spawnedInRow.append(try Program.yardstick.run()) }
            context.pause()
            for _ in 0..<Self.block { samples.plainInRow.append(try plain.run(bytes)) }
            context.pause()
        }
        for _ in 0..<max(10, context.sizes.runs / 5) {
            usleep(Self.quiet)
            samples.spawnedAfterQuiet.append(try Program.yardstick.run())
            usleep(Self.quiet)
            samples.plainAfterQuiet.append(try plain.run(bytes))
        }
        return report(samples)
    }

    private func report(_ samples: Samples) -> CompareReport {
        let spawned = Distribution(samples.spawned)
        let plain = Distribution(samples.plain)
        let client = Distribution(samples.client)
        let yardstick = Double(spawned.p50)
        let inRow = (Distribution(samples.spawnedInRow), Distribution(samples.plainInRow))
        let afterQuiet = (Distribution(samples.spawnedAfterQuiet), Distribution(samples.plainAfterQuiet))
        func row(_ name: String, _ times: Distribution<UInt64>, _ count: Int, _ yardstick: UInt64?)
            -> CompareReport.Row
        { CompareReport.Row(name: name, runs: count, times: times, yardstick: yardstick) }
        let (count, quietCount) = (samples.spawned.count, samples.plainAfterQuiet.count)
        let table = CompareReport.Table(
            title: "exec: /bin/true",
            rows: [
                row("posix_spawn and wait", spawned, count, spawned.p50),
                row("a fresh sandbox, open connection, plain client", plain, count, spawned.p50),
                row("the same, SandboxClient", client, count, spawned.p50),
                row("of which until it executes, says sandboxd", Distribution(samples.started), count, nil),
                row("posix_spawn and wait, 20 in a row", inRow.0, samples.spawnedInRow.count, inRow.0.p50),
                row("a fresh sandbox, 20 in a row, plain client", inRow.1, samples.plainInRow.count, inRow.0.p50),
                row("posix_spawn and wait, after 100 ms of quiet", afterQuiet.0, quietCount, afterQuiet.0.p50),
                row("a fresh sandbox, after 100 ms of quiet, plain client", afterQuiet.1, quietCount, afterQuiet.0.p50),
            ])
        let figures = [
            Figure(.execP50, Double(plain.p50) / yardstick), Figure(.execP99, Double(plain.p99) / yardstick),
            Figure(.execClientP50, Double(client.p50) / yardstick),
            Figure(.execClientP99, Double(client.p99) / yardstick),
            Figure(.execSequential, Double(inRow.1.p50) / Double(inRow.0.p50)),
            Figure(.execAfterQuiet, Double(afterQuiet.1.p50) / Double(afterQuiet.0.p50)),
        ]
        return CompareReport(figures: figures, tables: [table])
    }
}
