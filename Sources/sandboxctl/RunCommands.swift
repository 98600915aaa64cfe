import ArgumentParser
import SandboxClient
import SandboxModel

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ps", abstract: "List your runs that are alive.")
    @OptionGroup var service: SocketOption
    @Flag(help: "Print a JSON array.") var json = false

    func run() async throws {
        let runs = try await Service.running(socket: service.socket).runs()
        if json {
            Descriptor.output.write(try JSONLine.bytes(runs))
            return
        }
        let rows = runs.map { run in
            [run.id, run.policy, run.state, "\(Double(run.ageMilliseconds / 100) / 10)s", run.program]
        }
        Descriptor.output.write(Table.text([["ID", "POLICY", "STATE", "AGE", "PROGRAM"]] + rows))
    }
}

struct KillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "kill", abstract: "End one of your runs.")
    @OptionGroup var service: SocketOption
    @Argument(help: "The run's id, as ps prints it.") var id: String

    func run() async throws {
        try await Service.running(socket: service.socket).kill(id)
    }
}

struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version of sandboxctl, and the service's where one answers.")
    static let version = "0.1.0"

    private struct Report: Encodable {
        var sandboxctl = VersionCommand.version
        var sandboxd: String?
        var `protocol`: Int?
    }

    @OptionGroup var service: SocketOption
    @Flag(help: "Print a JSON object.") var json = false

    func run() async throws {
        var report = Report()
        // Without a service there is one version less to print.
        if let client = try? await Service.running(socket: service.socket) {
            report.sandboxd = client.server.server
            report.protocol = client.server.protocolVersion
        }
        if json {
            Descriptor.output.write(try JSONLine.bytes(report))
            return
        }
        Descriptor.output.write("sandboxctl \(report.sandboxctl)\n")
        if let sandboxd = report.sandboxd, let number = report.protocol {
            Descriptor.output.write("service: \(sandboxd), protocol \(number)\n")
        }
    }
}

/// Columns as wide as their widest cell.
enum Table {
    static func text(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated().map { index, cell in
                let padding = index == columns - 1 ? 0 : cell.1 - cell.0.count + 2
                return cell.0 + String(repeating: " ", count: padding)
            }.joined() + "\n"
        }.joined()
    }
}
