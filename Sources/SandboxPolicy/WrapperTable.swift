/// The programs that run another one from their arguments, with the options that they have in Debian 12, and a few of later
/// versions that older ones refuse. What is not here is not known, and a command behind it is not either.
enum WrapperTable {
    static let all: [String: CommandWrapper] = [shell, environment, resources, namespaces, users, tracing, sessions]
        .reduce(into: undecided) { $0.merge($1) { _, new in new } }

    static func named(_ name: String) -> CommandWrapper? {
        isLoader(name) ? loader : all[name]
    }

    private static func isLoader(_ name: String) -> Bool {
        name.hasPrefix("ld-linux") || name.hasPrefix("ld-musl") || name == "ld.so" || name.hasPrefix("ld-2.")
            || name == "ld64.so.1" || name == "ld64.so.2"
    }

    /// The dynamic loader runs the program that it is given; glibc's and musl's.
    private static let loader = CommandWrapper(
        options: WrapperOptions(
            "+",
            """
            library-path: preload: argv0: audit: inhibit-rpath: glibc-hwcaps-prepend: glibc-hwcaps-mask:
            inhibit-cache list verify list-tunables list-diagnostics help version
            """, style: .exact, endsWithDashes: false),
        effects: ["library-path": .loads, "preload": .loads, "audit": .loads])

    /// What bash and others have built in; none of them has long options.
    private static let shell: [String: CommandWrapper] = [
        "exec": CommandWrapper(options: WrapperOptions("+cla:")),
        "command": CommandWrapper(
            options: WrapperOptions("+pvV"), effects: ["v": .runsNothing, "V": .runsNothing]),
        "builtin": CommandWrapper(), "coproc": CommandWrapper(options: .none),
    ]

    private static let environment: [String: CommandWrapper] = [
        "env": CommandWrapper(
            options: WrapperOptions(
                "+a:C:iS:u:v0",
                """
                ignore-environment=i null=0 unset:=u chdir:=C default-signal:: ignore-signal:: block-signal::
                list-signal-handling debug=v split-string:=S argv0:=a help version
                """),
            skipsDash: true, assigns: true, effects: ["S": .splits]),
        "xargs": CommandWrapper(
            options: WrapperOptions(
                "+0a:E:e::i::I:l::L:n:oprs:txP:d:",
                """
                null=0 arg-file:=a delimiter:=d eof::=e replace::=I max-lines::=l max-args:=n open-tty=o
                interactive=p no-run-if-empty=r max-chars:=s verbose=t show-limits exit=x max-procs:=P
                process-slot-var: version help
                """),
            appends: true, effects: ["I": .replaces, "i": .replaces, "process-slot-var": .sets]),
        "nohup": CommandWrapper(options: WrapperOptions("+", "help version")),
        "setsid": CommandWrapper(options: WrapperOptions("+Vhcfw", "ctty=c fork=f wait=w version=V help=h")),
        "stdbuf": CommandWrapper(options: WrapperOptions("+i:o:e:", "input:=i output:=o error:=e help version")),
        "flock": CommandWrapper(
            options: WrapperOptions(
                "+sexnoFuw:E:hV",
                """
                shared=s exclusive=x unlock=u nonblocking=n nb=n timeout:=w wait:=w conflict-exit-code:=E close=o
                no-fork=F verbose help=h version=V
                """),
            rest: .commandOrText, operands: 1),
        "lckdo": CommandWrapper(options: WrapperOptions("+wW:neE:sxtq"), operands: 1),
        "chronic": CommandWrapper(options: WrapperOptions("+ev")),
        "ifne": CommandWrapper(options: WrapperOptions("+n", style: .exact, endsWithDashes: false)),
        "zrun": CommandWrapper(options: .none),
        "pee": CommandWrapper(
            options: WrapperOptions(
                "+", "ignore-sigpipe no-ignore-sigpipe ignore-write-errors no-ignore-write-errors", style: .exact,
                endsWithDashes: false),
            rest: .texts),
        "mispipe": CommandWrapper(options: .none, rest: .texts),
        "eatmydata": CommandWrapper(), "catchsegv": CommandWrapper(options: .none),
        "tsocks": CommandWrapper(options: .none),
        "nocache": CommandWrapper(options: WrapperOptions("+n:D:f")),
        "ccache": CommandWrapper(options: WrapperOptions("+", style: .any, endsWithDashes: false)),
        "sccache": CommandWrapper(options: WrapperOptions("+", style: .any, endsWithDashes: false)),
        "distcc": CommandWrapper(options: WrapperOptions("+", style: .any, endsWithDashes: false)),
        "proxychains4": proxychains, "proxychains": proxychains,
        "unbuffer": CommandWrapper(options: WrapperOptions("+p", style: .exact, endsWithDashes: false)),
        "rlwrap": CommandWrapper(
            options: WrapperOptions(
                "+a::A::b:cC:d::D:e:Ef:F:g:hH:iIl:nNM:m::oO:p::P:q:rRs:S:t:TUvw:Wz:",
                """
                always-readline::=a ansi-colour-aware::=A break-chars:=b complete-filenames=c command-name:=C
                debug::=d extra-char-after-completion:=e always-echo=E history-no-dupes:=D file:=f
                history-format:=F forget-matching:=g help=h history-filename:=H case-insensitive=i
                pass-sigint-as-sigterm=I logfile:=l multi-line::=m multi-line-ext:=M no-warnings=n no-children=N
                one-shot=o only-cook:=O prompt-colour::=p pre-given:=P quote-characters:=q remember=r renice=R
                histsize:=s substitute-prompt:=S set-terminal-name:=t test-terminal=T mirror-arguments=U
                version=v wait-before-prompt:=w polling=W filter:=z
                """),
            effects: ["z": .hides("rlwrap runs a filter")]),
        "faketime": CommandWrapper(
            options: WrapperOptions(
                "+mp:fhv", "exclude-monotonic date-prog: help version", style: .exact, endsWithDashes: false),
            operands: 1,
            effects: ["date-prog": .runs]),
        "xvfb-run": CommandWrapper(
            options: WrapperOptions(
                "+ae:f:hn:lp:s:w:",
                """
                auto-servernum=a error-file:=e auth-file:=f help=h server-num:=n listen-tcp=l xauth-protocol:=p
                server-args:=s wait:=w
                """)),
        "dbus-run-session": CommandWrapper(
            options: WrapperOptions("+", "dbus-daemon: config-file: help version", style: .exact),
            effects: ["dbus-daemon": .runs, "config-file": .hides("a bus starts what its configuration says")]),
        "systemd-inhibit": CommandWrapper(
            options: WrapperOptions("+h", "help=h version what: who: why: mode: list no-pager no-legend")),
        "systemd-cat": CommandWrapper(
            options: WrapperOptions("+ht:p:", "help=h version identifier:=t priority:=p stderr-priority: level-prefix:")
        ),
        "entr": CommandWrapper(options: WrapperOptions("+acdnprsxz"), effects: ["s": .isText]),
    ]

    private static let proxychains = CommandWrapper(
        options: WrapperOptions("+qf:", "help", style: .exact, endsWithDashes: false),
        effects: ["f": .hides("a configuration says what is loaded")])

    /// Programs that run others in ways that their arguments do not show, or that are not known well enough here.
    private static let undecided: [String: CommandWrapper] = Dictionary(
        uniqueKeysWithValues: [
            "env_parallel", "sem", "niceload", "perf", "proot", "firejail", "cpulimit", "schedtool", "torsocks",
            "screen",
            "tmux", "dtach", "abduco", "run-parts", "scriptlive", "hyperfine", "watchexec", "nodemon", "chpst",
            "softlimit",
            "envdir", "envuidgid", "setuidgid", "systemd-nspawn", "machinectl", "schroot", "mpirun", "mpiexec", "srun",
            "direnv", "aa-exec", "daemonize", "daemon", "coreutils", "memusage", "sotruss", "trickle", "uftrace", "rr",
            "heaptrack", "bpftrace", "dpkg-architecture", "gpg-agent", "dbus-launch", "gdbserver", "openvt", "cttyhack",
            "debconf", "systemd-socket-activate", "setlock",
        ].map { ($0, CommandWrapper(rest: .nothing, doubt: "what \($0) runs is not followed")) })
}
