import Glibc
import SandboxModel
import Synchronization

/// The terminal that sandboxctl was started on: raw while a command has one of its own.
enum Terminal {
    /// The settings to go back to, while they are changed.
    private static let saved = Mutex<termios?>(nil)

    /// Passes every key on as it is typed. Nothing happens when stdin is not a terminal.
    static func makeRaw() {
        saved.withLock { saved in
            var settings = termios()
            guard saved == nil, tcgetattr(STDIN_FILENO, &settings) == 0 else { return }
            saved = settings
            cfmakeraw(&settings)
            tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        }
    }

    /// Undoes `makeRaw`: on every way out of the program.
    static func restore() {
        saved.withLock { saved in
            guard var settings = saved else { return }
            tcsetattr(STDIN_FILENO, TCSANOW, &settings)
            saved = nil
        }
    }

    /// The size of the terminal, 80 by 24 without one.
    static var size: TerminalSize {
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
