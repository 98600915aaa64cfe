import ArgumentParser
import Glibc

/// What can be measured by itself, in the order in which it is.
enum ComparePart: String, CaseIterable, ExpressibleByArgument, Sendable {
    case exec, cli, throughput, stream, stdin, echo, idle, alive, docker

    /// The part that a figure comes from.
    init?(of figure: Figure) {
        let name = figure.kind.key.prefix { $0 != "." && $0 != "_" }
        self.init(rawValue: String(name))
    }

    func measure(_ context: CompareContext) async throws -> CompareReport {
        switch self {
        case .exec: try await ExecPart(context: context).measure()
        case .cli: try CliPart(context: context).measure()
        case .throughput: try ThroughputPart(context: context).measure()
        case .stream: try await StreamPart(context: context).measure()
        case .stdin: try InputPart(context: context).measure()
        case .echo: try EchoPart(context: context).measure()
        case .idle: try await IdlePart(context: context).measure()
        case .alive: try await AlivePart(context: context).measure()
        case .docker: try await DockerPart(context: context).measure()
        }
    }
}

/// What all parts share.
struct CompareContext: Sendable {
    var service: ServiceUnderTest
    var sizes: CompareSizes
    var tools: ToolSearch
    var scratch: ScratchDirectory
    /// What Docker runs.
    var image: String

    /// Lets both sides forget what was before: what a sandbox leaves behind is cleaned up by other threads, and would harm
    /// whoever is measured next. Unless asked for, of no one length: what is made or cleared away behind an answer is due at fixed
    /// times after it, and at pauses that are all the same always meets the same measurement.
    func pause() { usleep(UInt32.random(in: sizes.pause)) }
}

/// How much of everything.
struct CompareSizes: Sendable {
    var runs: Int
    /// Microseconds.
    var pause: ClosedRange<UInt32>
    var seconds: Int
    var slice: Int
    var inFlight: Int
    var streamBytes: Int
    var streamRuns: Int
    var echoes: Int
    var idleSeconds: Int
    var alive: Int
}
