// An agent's tool runner on one page: tool calls come in as JSON lines, run in sandboxes, and go out as JSON lines.
// README.md beside this file explains it.
import FoundationEssentials
import Glibc
import SandboxClient
import Synchronization

@main enum ExampleAgent {
    /// How many tools may run at once.
    static let concurrency = 8
    /// How much of each output stream an answer carries: how it begins and how it ends. An error is at the end mostly.
    static let kept = OutputKeep.Part(headBytes: 256 << 10, tailBytes: 256 << 10)
    private static let standardOutput = Mutex(STDOUT_FILENO)

    static func main() async {
        do {
            let options = try Options(CommandLine.arguments.dropFirst())
            if options.help { return try FileDescriptorOutput.write(Options.usage, to: STDOUT_FILENO) }
            // One connection carries all runs. It closes when `sandbox` goes away.
            let sandbox = try await SandboxClient.connect(socket: options.socket)
            await serve(sandbox, options)
        } catch {
            try? FileDescriptorOutput.write("example-agent: \(error)\n", to: STDERR_FILENO)
            exit(1)
        }
    }

    /// Reads calls until end of file, runs them concurrently, and answers each as soon as it has ended.
    ///
    /// On the main thread, because `readLine` blocks: the tools run on the other threads meanwhile.
    @MainActor static func serve(_ sandbox: SandboxClient, _ options: Options) async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            while let line = readLine() {
                if line.allSatisfy(\.isWhitespace) { continue }
                // All places are taken: wait until one is free before the next call is read.
                if running == concurrency {
                    await group.next()
                    running -= 1
                }
                group.addTask { print(await respond(to: line, sandbox, options)) }
                running += 1
            }
            // End of file. The group waits for the tools that still run.
        }
    }

    /// The answer to one line. Nothing that a line says ends the agent: what goes wrong is told to the caller.
    static func respond(to line: String, _ sandbox: SandboxClient, _ options: Options) async -> ToolAnswer {
        let call: ToolCall
        do {
            call = try JSONDecoder().decode(ToolCall.self, from: Data(line.utf8))
        } catch {
            return ToolAnswer(id: nil, error: "not a tool call: \(error)")
        }
        do {
            var request = try call.request(workspace: options.workspace)
            request.keep = OutputKeep(stdout: kept, stderr: kept)
            // However the command ends, that is a value: a timeout or a denial is for the model to read.
            let output = try await sandbox.run(request, input: call.stdin.map { Array($0.utf8) })
            return ToolAnswer(call, output)
        } catch {
            // Only the sandbox's own failure is thrown: an unknown policy, a program that is not there.
            return ToolAnswer(id: call.id, tool: call.tool, error: "\(error)")
        }
    }

    /// Writes an answer as one line; the lock keeps two answers apart.
    private static func print(_ answer: ToolAnswer) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        standardOutput.withLock { descriptor in
            do {
                try FileDescriptorOutput.write(encoder.encode(answer) + Data("\n".utf8), to: descriptor)
            } catch {
                // Whoever asked is gone: there is nobody left to work for.
                exit(1)
            }
        }
    }
}

/// `--socket PATH` and `--workspace DIR`.
struct Options: Sendable {
    static let usage = """
        usage: example-agent [--socket PATH] [--workspace DIR]
        Reads tool calls from stdin, a JSON object a line, runs them in sandboxes, and writes the answers to stdout.

        """
    var help = false
    var socket: String?
    var workspace: String?

    init(_ arguments: some Sequence<String>) throws {
        var arguments = arguments.makeIterator()
        while let name = arguments.next() {
            if name == "--help" || name == "-h" {
                help = true
                continue
            }
            guard let value = arguments.next() else { throw ToolError(description: "\(name) needs a value") }
            switch name {
            case "--socket": socket = value
            case "--workspace": workspace = value
            default: throw ToolError(description: "unknown option \(name): there are --socket and --workspace")
            }
        }
    }
}

/// Whole writes to a descriptor.
enum FileDescriptorOutput {
    static func write(_ text: String, to descriptor: Int32) throws { try write(Data(text.utf8), to: descriptor) }

    static func write(_ data: Data, to descriptor: Int32) throws {
        var rest = data
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno != EINTR { throw ToolError(description: "failed to write: errno \(errno)") }
            rest = rest.dropFirst(max(0, count))
        }
    }
}
