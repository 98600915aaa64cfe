/// Programs for the inside, in Python. A sandbox has no clock of its own, so that what they read from CLOCK_MONOTONIC can
/// be compared with this program's.
enum Payload {
    private static let prelude = """
        import os, signal, socket, sys, time
        def tell(text=b"t=%d\\n"): os.write(1, text % time.monotonic_ns())
        def say(text): os.write(1, text)

        """

    /// Isolated and without `site`: it starts in half the time.
    static func python(_ body: String) -> [String] { ["python3", "-ISc", prelude + body] }

    /// Writes so many bytes to a descriptor, the last 32 of them with the time, and then one more.
    static func fill(_ descriptor: Int, upTo bytes: Int) -> String {
        """
        def fill(fd, n):
            while n > 0: n -= os.write(fd, b"x" * min(n, 1 << 16))
        fill(\(descriptor), \(bytes - 32))
        fill_end = (b"\\nt=%d\\n" % time.monotonic_ns()).rjust(32)
        os.write(\(descriptor), fill_end); os.write(\(descriptor), b"!")
        time.sleep(10)
        """
    }

    /// Takes 64 MiB, and tells the time before each of them.
    static let takeMemory = """
        taken = []
        for _ in range(64): tell(); taken.append(b"x" * (1 << 20))
        """

    /// Forks as long as it is let, in every process. A pipe holds a byte for each of 400 processes, and all end after ten
    /// seconds: that bounds it where nothing else does.
    static let forkBomb = """
        reader, writer = os.pipe(); os.write(writer, b"." * 400); os.set_blocking(reader, False)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try: os.read(reader, 1)
            except BlockingIOError: time.sleep(0.01); continue
            try: os.fork()
            except OSError: os.write(writer, b".")
        """

    /// Processes that have ended and that nobody has waited for.
    static func zombies(_ count: Int) -> String {
        """
        for _ in range(\(count)):
            if os.fork() == 0: os._exit(0)
        say(b"up\\n")
        time.sleep(20)
        """
    }

    /// Gives its standard output to whoever listens on a socket in the workspace.
    static let lendOutput = """
        holder = socket.socket(socket.AF_UNIX); holder.connect("/workspace/hold")
        socket.send_fds(holder, [b"x"], [1]); holder.recv(1)

        """
}
