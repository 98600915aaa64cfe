extension WrapperTable {
    private static let personality = WrapperOptions(
        "+hVv3BFILRSTXZp:",
        """
        help=h version=V verbose=v addr-no-randomize=R fdpic-funcptrs=F mmap-page-zero=Z addr-compat-layout=L
        read-implies-exec=X 32bit=B short-inode=I whole-seconds=S sticky-timeouts=T 3gb=3 4gb uname-2.6 list
        show:: pid:=p
        """)

    /// Roots, namespaces, personalities.
    static let namespaces: [String: CommandWrapper] = [
        "chroot": CommandWrapper(
            options: WrapperOptions("+", "groups: userspec: skip-chdir help version"), operands: 1, startsShell: true),
        "unshare": CommandWrapper(
            options: WrapperOptions(
                "+fhVmuinpCTUrR:w:S:G:c",
                """
                help=h version=V mount::=mount uts::=uts ipc::=ipc net::=net pid::=pid user::=user cgroup::=cgroup
                time::=time fork=f kill-child:: mount-proc:: map-user: map-users: map-group: map-groups:
                map-root-user=r map-current-user=c map-auto propagation: setgroups: keep-caps setuid:=S
                setgid:=G root:=R wd:=w monotonic: boottime:
                """),
            startsShell: true),
        "nsenter": CommandWrapper(
            options: WrapperOptions(
                "+ahVt:m::u::i::n::p::C::U::T::S:G:r::w::W:FZ",
                """
                all=a help=h version=V target:=t mount::=m uts::=u ipc::=i net::=n pid::=p user::=U cgroup::=C time::=T
                setuid:=S setgid:=G root::=r wd::=w wdns::=W no-fork=F preserve-credentials follow-context=Z
                """),
            startsShell: true),
        "setpriv": CommandWrapper(
            options: WrapperOptions(
                "+dhV",
                """
                dump=d nnp=no-new-privs no-new-privs inh-caps: ambient-caps: list-caps ruid: euid: rgid: egid: reuid:
                regid: clear-groups keep-groups init-groups groups: bounding-set: securebits: pdeathsig:
                selinux-label: apparmor-profile: help=h reset-env version=V
                """),
            effects: ["d": .runsNothing]),
        "setarch": CommandWrapper(options: personality, operands: 1, leadingOperand: true, startsShell: true),
        "linux32": CommandWrapper(options: personality, startsShell: true),
        "linux64": CommandWrapper(options: personality, startsShell: true),
        "i386": CommandWrapper(options: personality, startsShell: true),
        "i486": CommandWrapper(options: personality, startsShell: true),
        "i586": CommandWrapper(options: personality, startsShell: true),
        "i686": CommandWrapper(options: personality, startsShell: true),
        "x86_64": CommandWrapper(options: personality, startsShell: true),
        "uname26": CommandWrapper(options: personality, startsShell: true),
        "runcon": CommandWrapper(
            options: WrapperOptions("+r:t:u:l:c", "role:=r type:=t user:=u range:=l compute=c help version"),
            operands: 1,
            effects: [
                "r": .leavesOperands, "t": .leavesOperands, "u": .leavesOperands, "l": .leavesOperands,
                "c": .leavesOperands,
            ]),
        "fakeroot": fakeroot, "fakeroot-sysv": fakeroot, "fakeroot-tcp": fakeroot,
        "fakechroot": CommandWrapper(
            options: WrapperOptions(
                "+l:d:sc:e:b:vh",
                "lib:=l elfloader:=d use-system-libs=s config-dir:=c environment:=e bindir:=b version=v help=h"),
            startsShell: true,
            effects: [
                "l": .loads, "d": .runs, "c": .hides("fakechroot runs its configuration"),
                "e": .hides("fakechroot runs its configuration"), "b": .hides("fakechroot replaces programs"),
            ]),
        "bwrap": CommandWrapper(
            options: bubblewrap, effects: ["setenv": .sets, "args": .hides("bwrap reads its arguments from a file")]),
        "busybox": CommandWrapper(), "toybox": CommandWrapper(),
    ]

    private static let fakeroot = CommandWrapper(
        options: WrapperOptions(
            "+l:f:i:s:ub:vh", "lib:=l faked:=f unknown-is-real=u fd-base:=b version=v help=h"),
        startsShell: true, effects: ["l": .loads, "f": .runs])

    private static let bubblewrap = WrapperOptions(
        "+",
        """
        help version args: unshare-all share-net unshare-user unshare-user-try unshare-ipc unshare-pid unshare-net
        unshare-uts unshare-cgroup unshare-cgroup-try userns: userns2: disable-userns assert-userns-disabled pidns:
        uid: gid: hostname: chdir: clearenv setenv:2 unsetenv: lock-file: sync-fd: bind:2 bind-try:2 dev-bind:2
        dev-bind-try:2 ro-bind:2 ro-bind-try:2 bind-fd:2 ro-bind-fd:2 remount-ro: exec-label: file-label: proc:
        dev: tmpfs: mqueue: dir: file:2 bind-data:2 ro-bind-data:2 symlink:2 seccomp: add-seccomp-fd: block-fd:
        userns-block-fd: info-fd: json-status-fd: new-session die-with-parent as-pid-1 cap-add: cap-drop: perms:
        size: chmod:2
        """,
        style: .exact)
}
