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
        _ request: RunRequest, loop: any EventLoop, monitor: ReadinessMonitor
    ) throws(SystemError) -> (RunStreams, forCommand: [Int32]) {
        if let size = request.terminal { return try terminal(size, loop: loop, monitor: monitor) }
        var streams = RunStreams()
        var input: OwnedDescriptor
        if request.stdin {
            let (reading, writing) = try DescriptorPair.pipe().release()
            input = OwnedDescriptor(owning: reading)
            try allowReopening(input.number, mode: S_IRUSR | S_IWUSR | S_IROTH)
            streams.stdin = try InputStream(
                descriptor: OwnedDescriptor(owning: writing), isTerminal: false, monitor: monitor)
        } else {
            input = OwnedDescriptor(
                owning: try system("open", "/dev/null") { open("/dev/null", O_RDONLY | O_CLOEXEC) })
        }
        let stdout = try output(loop, monitor)
        let outputEnd = OwnedDescriptor(owning: stdout.forCommand)
        streams.stdout = stdout.stream
        let stderr = try output(loop, monitor)
        streams.stderr = stderr.stream
        return (streams, [input.release(), outputEnd.release(), stderr.forCommand])
    }

    private static func output(
        _ loop: any EventLoop, _ monitor: ReadinessMonitor
    ) throws(SystemError) -> (stream: OutputStream, forCommand: Int32) {
        let (reading, writing) = try DescriptorPair.pipe().release()
        let writer = OwnedDescriptor(owning: writing)
        let stream = try OutputStream(descriptor: OwnedDescriptor(owning: reading), loop: loop, monitor: monitor)
        try allowReopening(writer.number, mode: S_IRUSR | S_IWUSR | S_IWOTH)
        let forCommand = try writer.duplicate().release()
        stream.hold(writer: writer)
        return (stream, forCommand)
    }

    /// Lets the command open its own end once more, as `echo text > /dev/stderr` does: the pipe is this daemon's, and the
    /// command is somebody else. A pipe has no path but those through its holders' /proc/PID/fd, so nobody else gets at it;
    /// and the end that is not the command's stays closed to it.
    private static func allowReopening(_ pipe: Int32, mode: mode_t) throws(SystemError) {
        try system("open a pipe's end to the command") { fchmod(pipe, mode) }
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
