import ShellSyntax

/// A shell, by the name of its program.
enum ShellKind {
    case bash
    /// dash and its like.
    case posix
    /// `sh`: either, as the host has it.
    case either
    /// A shell with a grammar of its own, of which bash's is near enough to look for dangers, not to be certain.
    case other

    init?(_ name: String) {
        switch name {
        case "bash", "rbash": self = .bash
        case "dash", "posh", "yash": self = .posix
        case "sh", "ash", "hush": self = .either
        case "zsh", "ksh", "ksh93", "mksh", "lksh", "csh", "tcsh", "fish", "pwsh", "elvish", "nu", "xonsh", "rc":
            self = .other
        default: return nil
        }
    }

    var isFollowed: Bool { self != .other }

    var dialects: [ShellDialect] {
        switch self {
        case .bash, .other: [.bash]
        case .posix: [.posix]
        case .either: [.bash, .posix]
        }
    }
}

enum ShellBuiltins {
    /// bash takes its long options with one dash too, `-norc`: not letters.
    private static let longOptions: Set<String> = [
        "-debug", "-debugger", "-dump-po-strings", "-dump-strings", "-help", "-init-file", "-login", "-noediting",
        "-noprofile", "-norc", "-posix", "-pretty-print", "-protected", "-rcfile", "-restricted", "-verbose",
        "-version",
        "-wordexp",
    ]

    static func isLongOption(_ word: String) -> Bool { longOptions.contains(word) }

    /// A script of this name is what is piped in.
    static func isStandardInput(_ path: String) -> Bool {
        ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "/proc/thread-self/fd/0"].contains(PolicyPath.normalised(path))
    }

    /// Builtins that start no program and change nothing that a program is found or run by. A script may use them under a
    /// list of allowed commands without a rule.
    static let harmless: Set<String> = [
        ":", "true", "false", "echo", "printf", "test", "[", "[[", "cd", "pwd", "pushd", "popd", "dirs", "export",
        "unset",
        "set", "shift", "read", "local", "declare", "typeset", "readonly", "return", "exit", "break", "continue",
        "wait",
        "jobs", "fg", "bg", "disown", "kill", "umask", "ulimit", "let", "getopts", "hash", "type", "times", "mapfile",
        "readarray", "command", "builtin", "exec", "eval", "trap", "shopt",
    ]

    private static let names: Set<String> = [
        "PATH", "BASH_ENV", "BASH_CMDS", "BASH_ALIASES", "ENV", "IFS", "CDPATH", "SHELLOPTS", "BASHOPTS", "PS4", "PS0",
        "PROMPT_COMMAND",
        "GLOBIGNORE",
        "EXECIGNORE", "SHELL", "HOME", "GCONV_PATH", "LOCPATH", "NLSPATH", "HOSTALIASES", "RES_OPTIONS", "PAGER",
        "MANPAGER", "EDITOR", "VISUAL", "BROWSER", "LESSOPEN", "LESSCLOSE", "LESS", "TERMINFO", "TERMCAP", "TMPDIR",
        "NODE_OPTIONS", "NODE_PATH", "CLASSPATH", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "MAKEFLAGS",
        "MAKEFILES", "CC", "CXX", "LD", "AR", "TAR_OPTIONS", "GZIP", "GREP_OPTIONS", "OPENSSL_CONF", "CURL_HOME",
        "WGETRC",
        "R_PROFILE", "RUSTC_WRAPPER", "RUSTC", "GOFLAGS", "GOROOT", "PROMPT", "FPATH", "ZDOTDIR",
        // How every program reads its options, and what some wrappers load.
        "POSIXLY_CORRECT", "PARALLEL", "SUDO_ASKPASS",
    ]

    private static let prefixes = [
        "LD_", "DYLD_", "BASH_FUNC_", "PYTHON", "PERL", "RUBY", "GIT_", "GEM_", "BUNDLE_", "NPM_", "npm_", "PHP",
        "LUA_",
        "MALLOC_", "GLIBC_", "XDG_", "SSH_", "CARGO_", "PIP_", "DOTNET_", "ASAN_", "LSAN_", "VALGRIND_", "FAKECHROOT_",
        "RLWRAP_", "GCC_", "COMPILER_PATH",
    ]

    /// Whether a variable can make a program do something else than its arguments say.
    static func changesOthers(_ name: String) -> Bool {
        names.contains(name) || prefixes.contains { name.hasPrefix($0) }
    }
}
