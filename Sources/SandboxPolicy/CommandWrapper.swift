/// A program that runs another one from its arguments.
struct CommandWrapper: Sendable {
    /// What an option does to the command, where it does more than take its argument.
    enum Effect {
        /// The argument is `NAME=VALUE` or a name, of a variable that the command gets.
        case sets
        /// The argument is code that the command loads.
        case loads
        /// The argument is a program that is started as well.
        case runs
        /// The argument is a shell's program that is run.
        case runsText
        /// The argument is cut into words, which are the wrapper's arguments again; `env -S`.
        case splits
        /// All that follows is the command.
        case ends
        /// The argument stands for what is read from the input, wherever it is in the command.
        case replaces
        /// The operands in front of the command are left out.
        case leavesOperands
        /// Without a command a shell is started.
        case startsShell
        /// The command is not given to a shell.
        case isDirect
        /// The command is given to a shell.
        case isText
        /// What follows is the number of a process.
        case isProcess
        /// The argument is a file, or behind `|` or `!` the text of a shell; `strace -o`.
        case pipes
        /// Nothing is run.
        case runsNothing
        /// More is run than can be told.
        case hides(String)
        /// The argument is such an option of ssh.
        case configures
    }

    /// What stands behind the options and the operands.
    enum Rest {
        case command
        /// Words that are joined for a shell.
        case text
        /// A command, or `-c` and the text of a shell.
        case commandOrText
        /// `-c` and the text of a shell, or that text alone.
        case onlyText
        /// Each word is the text of a shell.
        case texts
        /// A user, and the arguments of that user's shell.
        case login
        /// The arguments of a program that an option names.
        case arguments
        /// Nothing that is run.
        case nothing
        /// A file name; without an option that says otherwise a shell is run.
        case session
    }

    var options = WrapperOptions()
    var rest = Rest.command
    /// Operands in front of the command.
    var operands = 0
    /// Whether these are numbers.
    var isNumeric = false
    /// Whether the operands are only there where the first word is no option (setarch).
    var leadingOperand = false
    /// Whether a lone `-` in front of the operands is an option.
    var skipsDash = false
    /// Whether `NAME=VALUE` may stand in front of the command.
    var assigns = false
    /// Whether words that are not known are added behind.
    var appends = false
    /// Whether options are read again behind the operands (ssh).
    var resumes = false
    /// Whether a shell is started where there is no command.
    var startsShell = false
    /// By the option's key.
    var effects: [String: Effect] = [:]
    /// Why it is never certain what is run.
    var doubt: String?

    /// Options behind which the rest is read differently.
    var ends: Set<String> {
        Set(
            effects.filter {
                switch $0.value {
                case .splits, .ends: true
                default: false
                }
            }.keys)
    }
}
