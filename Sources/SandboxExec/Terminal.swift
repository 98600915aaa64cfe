import Glibc
package import SandboxModel
import Synchronization

/// The terminal that sandboxctl was started on: raw while a command has one of its own.
package enum Terminal {
    private struct Changes {
        /// The settings to go back to, while they are changed. A flag beside them and no optional: with optimization, Swift
        /// 6.3.1 makes a static `Optional<termios>` that is not `nil` where it should be, and no key ever passed raw.
        var settings = termios()
        var isChanged = false
        var isRaw = false
        /// The terminal shows its other screen, without cursor and without wrapping lines.
        var hasScreen = false
    }

    private static let changes = Mutex(Changes())

    /// Whether keys pass as they are typed: a line of ours then needs a carriage return of its own.
    static var isRaw: Bool { changes.withLock { $0.isRaw } }

    /// Passes every key on as it is typed. Nothing happens when stdin is not a terminal.
    static func makeRaw() {
        change { changes, settings in
            cfmakeraw(&settings)
            changes.isRaw = true
        }
    }

    /// Shows the other screen, which leaves what is on the usual one as it is; keys come without a line's end and are not
    /// shown. Signals by key stay.
    package static func enterScreen() {
        change { _, settings in settings.c_lflag &= ~tcflag_t(ICANON | ECHO) }
        changes.withLock { changes in
            changes.hasScreen = true
            Descriptor.output.write("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[H\u{1B}[2J")
        }
    }

    /// Draws lines over the last ones, without a moment in which the screen is empty. Cuts what is too wide.
    package static func draw(_ lines: [String], _ size: TerminalSize) {
        let text = lines.map { "\($0.prefix(Int(size.columns)))\u{1B}[K" }.joined(separator: "\r\n")
        changes.withLock { changes in
            // A signal may have given the screen back meanwhile.
            guard changes.hasScreen else { return }
            Descriptor.output.write("\u{1B}[H\(text)\u{1B}[J")
        }
    }

    /// Undoes all of this: on every way out of the program.
    package static func restore() {
        changes.withLock { changes in
            if changes.hasScreen { Descriptor.output.write("\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l") }
            if changes.isChanged { tcsetattr(STDIN_FILENO, TCSANOW, &changes.settings) }
            changes = Changes()
        }
    }

    private static func change(_ body: (inout Changes, inout termios) -> Void) {
        changes.withLock { changes in
            var settings = termios()
            guard !changes.isChanged, tcgetattr(STDIN_FILENO, &settings) == 0 else { return }
            changes.settings = settings
            changes.isChanged = true
            body(&changes, &settings)
            tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        }
    }

    /// The size of the terminal, 80 by 24 without one.
    package static var size: TerminalSize {
        var window = winsize()
        for descriptor in [STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO] {
            if ioctl(descriptor, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 {
                return TerminalSize(columns: window.ws_col, rows: window.ws_row)
            }
        }
        return TerminalSize(columns: 80, rows: 24)
    }

    /// Whether reading from stdin would stop this program: it is a terminal, and another job has it.
    static var belongsToAnotherJob: Bool {
        // Negative: not a terminal, or not the one that controls us, which then does not stop us.
        let foreground = tcgetpgrp(STDIN_FILENO)
        return foreground >= 0 && foreground != getpgrp()
    }
}
