import Glibc
import LinuxSystem

/// A pipe for one output of a command.
struct OutputPipe: ~Copyable {
    /// Does not block.
    var reading: OwnedDescriptor
    /// The command's end; and the same once more, for `OutputStream`.
    var writing: OwnedDescriptor
    var held: OwnedDescriptor

    private init(
        reading: consuming OwnedDescriptor, writing: consuming OwnedDescriptor, held: consuming OwnedDescriptor
    ) {
        self.reading = reading
        self.writing = writing
        self.held = held
    }

    init() throws(SystemError) {
        let pipe = try DescriptorPair.pipe()
        try setNonBlocking(pipe.first.number)
        try Self.allowReopening(pipe.second.number, mode: S_IRUSR | S_IWUSR | S_IWOTH)
        let held = try pipe.second.duplicate()
        let (first, second) = pipe.release()
        self.init(
            reading: OwnedDescriptor(owning: first), writing: OwnedDescriptor(owning: second), held: held)
    }

    /// Lets the command open its own end once more, as `echo text > /dev/stderr` does: the pipe is this daemon's, and the
    /// command is somebody else. A pipe has no path but those through its holders' /proc/PID/fd, so nobody else gets at it;
    /// and the end that is not the command's stays closed to it.
    static func allowReopening(_ pipe: Int32, mode: mode_t) throws(SystemError) {
        try system("open a pipe's end to the command") { fchmod(pipe, mode) }
    }
}

/// What a run without input and without a terminal has as its streams: ten system calls, done before it is asked for. Each is
/// used once. Confined to the loop.
final class PipeReserve {
    struct Streams: ~Copyable {
        /// /dev/null, opened for this run: its flags and locks are nobody else's.
        var nothing: OwnedDescriptor
        var output: OutputPipe
        var errors: OutputPipe

        private init(
            nothing: consuming OwnedDescriptor, output: consuming OutputPipe, errors: consuming OutputPipe
        ) {
            self.nothing = nothing
            self.output = output
            self.errors = errors
        }

        init() throws(SystemError) {
            let nothing = OwnedDescriptor(
                owning: try system("open", "/dev/null") { open("/dev/null", O_RDONLY | O_CLOEXEC) })
            let output = try OutputPipe()
            self.init(nothing: nothing, output: output, errors: try OutputPipe())
        }
    }

    private final class Box {
        private var streams: Streams?
        init() throws(SystemError) { streams = try Streams() }
        func take() -> Streams { streams.take()! }
    }

    private static let most = 4

    let afterwards: Afterwards
    private var boxes: [Box] = []

    init(_ afterwards: Afterwards) { self.afterwards = afterwards }

    /// `refillSoon` is to follow, when the launcher has been asked.
    func take() throws(SystemError) -> Streams {
        guard let box = boxes.popLast() else { return try Streams() }
        return box.take()
    }

    func refillSoon() {
        afterwards.add { [weak self] in self?.fill() }
    }

    /// Without descriptors left there is no reserve, and the next run hears of it.
    private func fill() {
        while boxes.count < Self.most, let box = try? Box() { boxes.append(box) }
    }
}
