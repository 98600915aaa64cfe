import ArgumentParser
import SandboxClient
import SandboxExec
import SandboxModel

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "List your runs that are alive, and what they use.",
        discussion: """
            CPU is CPU time, MEMORY and PROCESSES are what the run has now, with its files in memory; - is what is not \
            counted on this host, or not yet. Root sees everybody's runs.
            """)
    @OptionGroup var service: SocketOption
    @Flag(help: "Print a JSON array.") var json = false
    @Argument(help: "Ids, or the beginnings of ids (default: all runs).") var ids: [String] = []

    func run() async throws {
        let client = try await Service.running(socket: service.socket)
        // An older service has no figures; its list is as good as it was.
        let all = try await client.runs(usage: client.server.capabilities.contains("usage"))
        let runs = ids.isEmpty ? all : try ids.map { try RunIdentifier.run($0, among: all) }
        if json {
            Descriptor.output.write(try JSONLine.bytes(runs))
        } else {
            Descriptor.output.write(Self.text(runs))
        }
    }

    static func text(_ runs: [RunSummary]) -> String {
        var users = UserNames()
        let rows = runs.map { run in
            [
                run.id, run.uid.map { users.of($0) } ?? "-", run.policy, run.state,
                Figures.age(run.ageMilliseconds), run.usage?.cpuMilliseconds.map { Figures.seconds($0) } ?? "-",
                run.usage?.memoryBytes.map(Figures.bytes) ?? "-", run.usage?.processes.map { "\($0)" } ?? "-",
                run.program,
            ].map { $0.cleaned() }
        }
        let header = ["ID", "USER", "POLICY", "STATE", "AGE", "CPU", "MEMORY", "PROCESSES", "PROGRAM"]
        return Table.text([header] + rows, numbers: [4, 5, 6, 7])
    }
}

struct KillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill", abstract: "End runs of yours.",
        discussion: """
            A command whose policy gives it a grace is asked to end first (SIGTERM), and killed with all of its processes \
            when that is over; a second kill, or --now, does not wait for it.
            """)
    @OptionGroup var service: SocketOption
    @Flag(help: "Kill at once, without the grace.") var now = false
    @Argument(help: "Ids as ps prints them, or their beginnings, as far as only one run has them.") var ids: [String]

    func run() async throws {
        let client = try await Service.running(socket: service.socket)
        var failures: [ServiceError] = []
        for id in ids {
            do {
                try await client.kill(try await RunIdentifier.resolve(id, on: client), now: now)
            } catch let error as ServiceError where error.code != .notConnected {
                failures.append(error)
            }
        }
        guard let last = failures.last else { return }
        for failure in failures.dropLast() { Diagnostics.write(failure.message) }
        throw last
    }
}

/// Runs as a command line names them: by the whole id, or by as much of its beginning as one run alone has.
///
/// Ids are random, so a beginning cannot name a run that its writer has not seen; it is resolved among the caller's runs.
enum RunIdentifier {
    /// As the daemon makes them: 128 bits in hexadecimal.
    static let length = 32

    static func resolve(_ text: String, on client: SandboxClient) async throws -> String {
        // A whole id needs no list.
        if text.count >= length { return text }
        return try run(text, among: try await client.runs()).id
    }

    static func run(_ text: String, among runs: [RunSummary]) throws(ServiceError) -> RunSummary {
        let found = text.isEmpty ? [] : runs.filter { $0.id.hasPrefix(text) }
        guard let first = found.first else { throw ServiceError(.unknownRun, "no run '\(text.cleaned(atMost: 40))'") }
        guard found.count == 1 else {
            throw ServiceError(.invalidRequest, "'\(text)' begins the ids of \(found.count) runs: write more of it")
        }
        return first
    }
}
