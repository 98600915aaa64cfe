import Glibc
import LaunchPlan
import LinuxSystem

/// How policies are read anew: what was said while sandboxd was trusted.
final class PolicyReader {
    private let program: OwnedDescriptor
    private let arguments: [String]

    /// - Parameter program: sandboxd's file as it was when the service started: another version could not be understood.
    init(program: consuming OwnedDescriptor, arguments: [String]) {
        self.program = program
        self.arguments = arguments
    }

    /// Starts a fresh process of root's that reads policies and says them over a socket.
    func start() throws(SystemError) -> PolicyReload {
        let pair = try DescriptorPair.sockets(SOCK_SEQPACKET)
        let (own, theirs) = pair.release()
        let socket = OwnedDescriptor(owning: own)
        let other = OwnedDescriptor(owning: theirs)
        for end in [own, theirs] { try MessageSocket.growBuffers(of: end, to: LauncherCommand.maximumBytes * 2) }
        let process = try ChildProcess(
            executing: "/proc/self/fd/\(program.number)", arguments: ["sandboxd", "--read-policies"] + arguments,
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], socket: other.number)
        return PolicyReload(process: process, socket: socket)
    }
}

/// A reload under way: its reader, and what that has said so far.
final class PolicyReload {
    let process: ChildProcess
    let socket: OwnedDescriptor
    /// CLOCK_MONOTONIC, nanoseconds: when it has taken too long.
    let deadline = monotonicNanoseconds() + PolicyReload.patience
    var policies: [String: PreparedPolicy] = [:]
    private(set) var texts: [[UInt8]] = []
    private var textBytes = 0
    /// All has been said, at this time: the policies come into force when nothing is being made of those before.
    private(set) var completeSince: UInt64?

    /// It builds file systems for each new policy, as at the start.
    private static let patience: UInt64 = 60_000_000_000

    init(process: ChildProcess, socket: consuming OwnedDescriptor) {
        self.process = process
        self.socket = socket
    }

    func add(_ text: [UInt8]) throws(LaunchFailure) {
        textBytes += text.count
        guard textBytes <= PolicyReaderMessage.maximumTextsBytes else {
            throw LaunchFailure(.refused, errno: EFBIG, "the policy files are too large")
        }
        texts.append(text)
    }

    func complete() { completeSince = completeSince ?? monotonicNanoseconds() }

    /// Ends the reader, whatever it is at.
    func end() {
        shutdown(socket.number, Int32(SHUT_RDWR))
        // It is this process's child and not reaped yet: the number is its own.
        kill(process.pid, SIGKILL)
        _ = process.wait(milliseconds: 1000)
    }
}

/// Policies before the last reload, for requests that were on their way when others came into force.
struct PreviousPolicies {
    var policies: [String: PreparedPolicy]
    var generation: UInt32
    /// CLOCK_MONOTONIC, nanoseconds. sandboxd says when it needs them no more; what it says counts only where it is sooner.
    let until = monotonicNanoseconds() + 1_000_000_000
}
