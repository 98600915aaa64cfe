import Glibc
import LinuxSystem
import NIOCore
import SandboxModel

/// sandboxd's ends of a run's standard streams. A terminal has no standard error of its own.
struct RunStreams {
    var stdin: InputStream?
    var stdout: OutputStream?
    var stderr: OutputStream?

    func close() {
        stdin?.close()
        stdout?.close()
        stderr?.close()
    }

    /// Creates them, and the three descriptors for the launcher, which are the caller's to close.
    static func create(
        _ request: RunRequest, loop: any EventLoop, monitor: ReadinessMonitor, reserve: PipeReserve
    ) throws(SystemError) -> (RunStreams, forCommand: [Int32]) {
        if let size = request.terminal { return try terminal(size, loop: loop, monitor: monitor) }
        var pipes = try reserve.take()
        var streams = RunStreams()
        if request.stdin {
            let (reading, writing) = try DescriptorPair.pipe().release()
            pipes.nothing = OwnedDescriptor(owning: reading)
            try OutputPipe.allowReopening(reading, mode: S_IRUSR | S_IWUSR | S_IROTH)
            streams.stdin = try InputStream(
                descriptor: OwnedDescriptor(owning: writing), isTerminal: false, monitor: monitor)
        }
        let input = pipes.nothing.release()
        streams.stdout = OutputStream(
            pipes.output.reading, heldBy: pipes.output.held, loop: loop, monitor: monitor,
            afterwards: reserve.afterwards)
        streams.stderr = OutputStream(
            pipes.errors.reading, heldBy: pipes.errors.held, loop: loop, monitor: monitor,
            afterwards: reserve.afterwards)
        return (streams, [input, pipes.output.writing.release(), pipes.errors.writing.release()])
    }

    private static func terminal(
        _ size: TerminalSize, loop: any EventLoop, monitor: ReadinessMonitor
    ) throws(SystemError) -> (RunStreams, forCommand: [Int32]) {
        let terminal = try Terminal(columns: size.columns, rows: size.rows)
        var streams = RunStreams()
        streams.stdin = try InputStream(
            descriptor: try terminal.master.duplicate(), isTerminal: true, monitor: monitor)
        streams.stdout = try OutputStream(
            descriptor: try terminal.master.duplicate(), loop: loop, monitor: monitor)
        let first = try terminal.terminal.duplicate()
        let second = try terminal.terminal.duplicate()
        let third = try terminal.terminal.duplicate()
        return (streams, [first.release(), second.release(), third.release()])
    }
}
