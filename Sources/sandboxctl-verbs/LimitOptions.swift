import ArgumentParser
import SandboxExec
import SandboxModel

/// What a call asks for below its policy's limits. The texts are those of policy files; what no policy could allow is
/// refused here, with the range.
///
/// Each option takes the next word whatever it is: "-1" is a bad amount and not an unknown option.
struct LimitOptions: ParsableArguments {
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Wall-clock time.", valueName: "10s"),
        transform: RequestLimit.timeout.parse)
    var timeout: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("CPU time of all processes.", valueName: "5s"),
        transform: RequestLimit.cpuTime.parse)
    var cpuTime: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Time without output.", valueName: "5s"),
        transform: RequestLimit.idle.parse)
    var idle: UInt64?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Time to end after SIGTERM, before the kill; 0s: none.", valueName: "500ms"),
        transform: RequestLimit.grace.parse)
    var grace: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Memory of all processes.", valueName: "256MiB"),
        transform: RequestLimit.memory.parse)
    var memory: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Swap beside it; 0B: none.", valueName: "64MiB"),
        transform: RequestLimit.swap.parse)
    var swap: UInt64?
    @Option(parsing: .unconditional, help: ArgumentHelp("Cores.", valueName: "1.5"), transform: CoreCount.parse)
    var cpus: Double?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Processes and threads.", valueName: "64"),
        transform: RequestLimit.processes.parse)
    var processes: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Open files of a process.", valueName: "256"),
        transform: RequestLimit.openFiles.parse)
    var openFiles: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Size of a file.", valueName: "100MiB"),
        transform: RequestLimit.fileSize.parse)
    var fileSize: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Bytes of output.", valueName: "10MiB"),
        transform: RequestLimit.output.parse)
    var output: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Bytes of standard output alone.", valueName: "8MiB"),
        transform: RequestLimit.stdout.parse)
    var stdout: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Bytes of standard error alone.", valueName: "1MiB"),
        transform: RequestLimit.stderr.parse)
    var stderr: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Size of /tmp.", valueName: "64MiB"),
        transform: RequestLimit.tmp.parse)
    var tmp: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Size of the workspace.", valueName: "512MiB"),
        transform: RequestLimit.workspaceSize.parse)
    var workspaceSize: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Files in the workspace.", valueName: "10000"),
        transform: RequestLimit.workspaceInodes.parse)
    var workspaceInodes: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Bytes per second from disks.", valueName: "50MiB"),
        transform: RequestLimit.readRate.parse)
    var readRate: UInt64?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Bytes per second to disks.", valueName: "10MiB"),
        transform: RequestLimit.writeRate.parse)
    var writeRate: UInt64?

    var limits: Limits {
        Limits(
            memoryBytes: memory, swapBytes: swap, cpus: cpus, processes: processes, openFiles: openFiles,
            fileSizeBytes: fileSize, outputBytes: output, stdoutBytes: stdout, stderrBytes: stderr, tmpBytes: tmp,
            workspaceBytes: workspaceSize, workspaceInodes: workspaceInodes, readBytesPerSecond: readRate,
            writeBytesPerSecond: writeRate, wallMilliseconds: timeout, cpuMilliseconds: cpuTime,
            idleMilliseconds: idle, graceMilliseconds: grace)
    }
}
