import SandboxClient
import SandboxModel

/// What the command's output becomes: byte for byte, or JSON lines.
struct ExecOutput {
    private let json: Bool
    private let quiet: Bool
    private var standardOutput = EventText(name: "stdout")
    private var standardError = EventText(name: "stderr")
    private var usage = UsageLine()
    private lazy var sharePlace = Descriptor.output.leads(whereDoes: .error)

    /// - Parameter quiet: do not say on stderr what was left out.
    init(json: Bool, quiet: Bool) {
        self.json = json
        self.quiet = quiet
    }

    /// What is to be written for an event of the run with this id.
    mutating func chunks(for event: RunEvent, of id: String) throws(ServiceError) -> [OutputPump.Chunk] {
        guard json else { return plainChunks(event) }
        var text: [UInt8] = []
        for line in lines(event, of: id) { text += try JSONLine.bytes(line) }
        return [OutputPump.Chunk(bytes: text[...], target: .output)]
    }

    private mutating func plainChunks(_ event: RunEvent) -> [OutputPump.Chunk] {
        switch event {
        case .started, .result: return []
        case .standardOutput(let bytes):
            if sharePlace { Diagnostics.follow(bytes) }
            return [OutputPump.Chunk(bytes: bytes[...], target: .output)]
        case .standardError(let bytes):
            Diagnostics.follow(bytes)
            return [OutputPump.Chunk(bytes: bytes[...], target: .error)]
        case .usage(let sample): return own(usage.text(sample))
        case .omitted(let stream, let bytes):
            let amount = Figures.count(bytes, "byte", "bytes")
            return quiet ? [] : own("\(amount) of \(stream.rawValue) left out here")
        }
    }

    private func own(_ text: String) -> [OutputPump.Chunk] {
        [OutputPump.Chunk(bytes: Array(Diagnostics.line(text).utf8)[...], target: .error, isOurs: true)]
    }

    private mutating func lines(_ event: RunEvent, of id: String) -> [EventLine] {
        switch event {
        case .started: [EventLine(event: "started", id: id)]
        case .standardOutput(let bytes): standardOutput.lines(for: bytes)
        case .standardError(let bytes): standardError.lines(for: bytes)
        case .usage(let sample): [EventLine(event: "usage", usage: sample)]
        case .omitted(.stdout, let bytes): standardOutput.gap(bytes)
        case .omitted(.stderr, let bytes): standardError.gap(bytes)
        case .result(let result):
            standardOutput.lastLines() + standardError.lastLines() + [EventLine(event: "result", result: result)]
        }
    }
}
