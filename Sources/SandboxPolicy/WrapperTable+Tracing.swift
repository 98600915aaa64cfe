extension WrapperTable {
    /// Tracers and debuggers.
    static let tracing: [String: CommandWrapper] = [
        "strace": CommandWrapper(options: strace, effects: ["E": .sets, "o": .pipes]),
        "ltrace": CommandWrapper(
            options: WrapperOptions(
                "+cfhiLrStTVbCa:A:D:e:F:l:n:o:p:s:u:x:X:",
                "align:=a config:=F debug:=D demangle=C indent:=n help=h library:=l output:=o version=V no-signals=b")),
        "valgrind": CommandWrapper(options: WrapperOptions("+", style: .any)),
        "gdb": CommandWrapper(
            options: debugger,
            effects: [
                "args": .ends, "x": .hides("gdb's commands are not followed"),
                "X": .hides("gdb's commands are not followed"), "ix": .hides("gdb's commands are not followed"),
                "iex": .hides("gdb's commands are not followed"), "eix": .hides("gdb's commands are not followed"),
                "eiex": .hides("gdb's commands are not followed"),
                "D": .hides("gdb loads programs from its data directory"),
            ]),
    ]

    private static let strace = WrapperOptions(
        "+a:Ab:cCdDe:E:fFhiI:kno:O:p:P:qrs:S:tTu:U:vVwxX:yYzZ",
        """
        columns:=a output-append-mode=A detach-on:=b summary-only=c summary=C debug=d daemonize:: daemonised::=daemonize
        daemonized::=daemonize env:=E follow-forks=f output-separately help=h instruction-pointer=i
        interruptible:=I stack-traces=k syscall-number=n output:=o summary-syscall-overhead:=O attach:=p
        trace-path:=P relative-timestamps:: string-limit:=s summary-sort-by:=S absolute-timestamps::
        timestamps::=absolute-timestamps syscall-times:: user:=u summary-columns:=U no-abbrev=v version=V
        summary-wall-clock=w strings-in-hex:: const-print-style:=X pidns-translation successful-only=z
        failed-only=Z failing-only=Z seccomp-bpf tips:: trace: abbrev: verbose: raw: signals: status: read: write:
        fault: inject: kvm: quiet:: silent::=quiet silence::=quiet decode-fds:: decode-pids: secontext::
        """)

    private static let debugger = WrapperOptions(
        "",
        """
        tui readnow=r readnever r quiet=q q silent=q nh nx=n n batch-silent batch fullname=f f annotate: help se:
        symbols:=s s: exec:=e e: core:=c c: pid:=p p: command:=x eval-command:=X version configuration x: ex:=X
        init-command:=ix init-eval-command:=iex ix: iex: early-init-command:=eix early-init-eval-command:=eiex
        eix: eiex: ui:=interpreter interpreter: i:=interpreter directory:=d d: data-directory:=D D: cd: tty: baud:=b
        b: nw nowindows=nw w windows=w statistics write args l: return-child-result
        """, style: .oneDash)

    /// Terminals of their own, and what repeats a command.
    static let sessions: [String: CommandWrapper] = [
        "watch": CommandWrapper(
            options: WrapperOptions(
                "+bced::ghq:n:pvtwx",
                """
                color=c differences::=d help=h interval:=n beep=b errexit=e chgexit=g equexit:=q exec=x precise=p
                no-title=t no-wrap=w version=v
                """),
            rest: .text, effects: ["x": .isDirect]),
        "script": CommandWrapper(
            options: WrapperOptions(
                "aB:c:eE:fI:O:o:qm:T:t::Vh",
                """
                append=a command:=c echo:=E return=e flush=f force log-in:=I log-out:=O log-io:=B log-timing:=T
                logging-format:=m output-limit:=o quiet=q timing::=t version=V help=h
                """),
            rest: .session, effects: ["c": .runsText]),
        "expect": CommandWrapper(
            options: WrapperOptions("+b:c:dD:f:inN-v"), rest: .nothing,
            effects: ["c": .hides("expect's commands are not followed")]),
        "parallel": CommandWrapper(
            options: WrapperOptions(
                "+j:P:a:I:d:E:C:L:l::n:N:s:S:U:0kmqrtuvxX",
                "jobs:=j arg-file:=a delimiter:=d max-args:=n max-procs:=P joblog: colsep:=C sshlogin:=S keep-order=k"),
            appends: true, doubt: "parallel puts commands together"),
        "find": CommandWrapper(),
    ]
}
