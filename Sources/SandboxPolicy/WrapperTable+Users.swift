extension WrapperTable {
    private static let login = WrapperOptions(
        "c:fg:G:lmpPTs:u:hVw:",
        """
        command:=c session-command:=c fast=f login=l preserve-environment=p pty=P no-pty=T shell:=s group:=g
        supp-group:=G user:=u whitelist-environment:=w help=h version=V
        """)

    /// Other users, other machines, the service manager, the first process.
    static let users: [String: CommandWrapper] = [
        "sudo": CommandWrapper(
            options: WrapperOptions(
                "+Aa:BbC:c:D:Eeg:Hh?iKklNnPp:R:r:SsT:t:U:u:Vv",
                """
                background=b preserve-env::=E edit=e set-home=H login=i remove-timestamp=K list=l preserve-groups=P
                shell=s other-user:=U validate=v askpass=A auth-type:=a bell=B close-from:=C login-class:=c
                chdir:=D group:=g help host:=h reset-timestamp=k no-update=N non-interactive=n prompt:=p chroot:=R
                role:=r stdin=S command-timeout:=T type:=t user:=u version=V
                """,
                takesAssignments: true),
            effects: ["s": .startsShell, "i": .startsShell, "e": .hides("sudo -e starts an editor")]),
        "doas": CommandWrapper(options: WrapperOptions("+C:Lnsu:"), effects: ["s": .startsShell]),
        "pkexec": CommandWrapper(
            options: WrapperOptions(
                "+u:", "user: disable-internal-agent keep-cwd help version", style: .exact, endsWithDashes: false),
            startsShell: true),
        "gosu": CommandWrapper(options: .none, operands: 1), "su-exec": CommandWrapper(options: .none, operands: 1),
        "su": CommandWrapper(options: login, rest: .login, skipsDash: true),
        "runuser": CommandWrapper(options: login, rest: .login, skipsDash: true),
        "sg": CommandWrapper(options: .none, rest: .onlyText, operands: 1, skipsDash: true, startsShell: true),
        "newgrp": CommandWrapper(
            options: WrapperOptions("+lc:"), rest: .session, skipsDash: true, effects: ["c": .runsText]),
        "capsh": CommandWrapper(rest: .nothing),
        "ssh": CommandWrapper(
            options: WrapperOptions(
                "+1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:P:Q:R:S:TVw:W:XYy"),
            rest: .text, operands: 1, resumes: true,
            effects: [
                "o": .configures, "F": .hides("a configuration of ssh may run programs"),
                "I": .hides("ssh loads a library"),
            ]),
        "systemd-run": CommandWrapper(
            options: WrapperOptions(
                "+hrH:M:E:p:tPqGdSu:",
                """
                help=h version user system scope unit:=u description: slice: slice-inherit remain-after-exit=r
                send-sighup host:=H machine:=M service-type: wait uid: gid: nice: setenv:=E property:=p tty=t pty=t
                pipe=P quiet=q on-active: on-boot: on-startup: on-unit-active: on-unit-inactive: on-calendar:
                on-timezone-change on-clock-change timer-property: path-property: socket-property: no-block
                no-ask-password collect=G working-directory: same-dir=d shell=S
                """),
            effects: [
                "E": .sets, "S": .startsShell, "p": .hides("a property of a unit may run programs"),
                "socket-property": .hides("a property of a unit may run programs"),
            ]),
        "start-stop-daemon": CommandWrapper(
            options: WrapperOptions(
                "HKSVTa:n:op:qr:s:tu:vx:c:N:P:I:k:bCO:mR:g:d:",
                """
                help=H stop=K start=S status=T version=V startas:=a name:=n oknodo=o pid: ppid: pidfile:=p quiet=q
                signal:=s test=t user:=u group:=g chroot:=r verbose=v exec:=x chuid:=c nicelevel:=N procsched:=P
                iosched:=I umask:=k background=b notify-await notify-timeout: no-close=C output:=O make-pidfile=m
                remove-pidfile retry:=R chdir:=d
                """),
            rest: .arguments, effects: ["a": .runs, "x": .runs, "K": .runsNothing, "T": .runsNothing]),
        "ssh-agent": CommandWrapper(
            options: WrapperOptions("+cDdksE:a:O:P:t:"), effects: ["P": .hides("ssh-agent loads a library")]),
        "logsave": CommandWrapper(options: WrapperOptions("+asv"), operands: 1),
        "tini": CommandWrapper(options: WrapperOptions("p:hvwgle:s")),
        "tini-static": CommandWrapper(options: WrapperOptions("p:hvwgle:s")),
        "dumb-init": CommandWrapper(
            options: WrapperOptions("+hvVcr:", "help=h single-child=c rewrite:=r verbose=v version=V")),
    ]
}
