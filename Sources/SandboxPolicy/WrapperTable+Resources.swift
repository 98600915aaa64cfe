extension WrapperTable {
    /// Time, priority, limits, processors.
    static let resources: [String: CommandWrapper] = [
        "nice": CommandWrapper(options: WrapperOptions("+n:", "adjustment:=n help version", takesNumbers: true)),
        "timeout": CommandWrapper(
            options: WrapperOptions(
                "+k:s:v", "kill-after:=k signal:=s verbose=v foreground preserve-status help version"),
            operands: 1),
        "time": CommandWrapper(
            options: WrapperOptions(
                "+af:ho:pqvV",
                "append=a format:=f help=h output-file:=o portability=p quiet=q verbose=v version=V")),
        "ionice": CommandWrapper(
            options: WrapperOptions(
                "+n:c:p:P:u:tVh", "classdata:=n class:=c help=h ignore=t pid:=p pgid:=P uid:=u version=V"),
            effects: ["p": .isProcess, "P": .isProcess, "u": .isProcess]),
        "chrt": CommandWrapper(
            options: WrapperOptions(
                "+abdD:fiphmoP:T:rRvV",
                """
                all-tasks=a batch=b deadline=d fifo=f idle=i pid=p help=h max=m other=o rr=r sched-runtime:=T
                sched-period:=P sched-deadline:=D reset-on-fork=R verbose=v version=V
                """),
            operands: 1, isNumeric: true, effects: ["p": .isProcess, "m": .runsNothing]),
        "taskset": CommandWrapper(
            options: WrapperOptions("+apchV", "all-tasks=a pid=p cpu-list=c help=h version=V"), operands: 1,
            effects: ["p": .isProcess]),
        "uclampset": CommandWrapper(
            options: WrapperOptions(
                "+asRp:hm:M:vV", "all-tasks=a pid:=p system=s reset-on-fork=R help=h verbose=v version=V")),
        "choom": CommandWrapper(options: WrapperOptions("hn:p:V", "adjust:=n pid:=p help=h version=V")),
        "prlimit": CommandWrapper(
            options: WrapperOptions(
                "+c::d::e::f::i::l::m::n::q::r::s::t::u::v::x::y::p:o:vVh",
                """
                pid:=p output:=o as::=v core::=c cpu::=t data::=d fsize::=f locks::=x memlock::=l msgqueue::=q nice::=e
                nofile::=n nproc::=u rss::=m rtprio::=r rttime::=y sigpending::=i stack::=s version=V help=h
                noheadings raw verbose
                """)),
        "numactl": CommandWrapper(
            options: WrapperOptions(
                "+ai:p:P:c:N:C:m:slbHS:f:o:L:tM:dDI:uTV",
                """
                all=a interleave:=i preferred:=p preferred-many:=P cpubind:=c cpunodebind:=N physcpubind:=C membind:=m
                show=s localalloc=l balancing=b hardware=H shm:=S file:=f offset:=o length:=L strict=t
                shmmode:=M dump=d dump-nodes=D shmid:=I huge=u touch=T verify=V
                """)),
        "cgexec": CommandWrapper(options: WrapperOptions("+g:sh", "sticky=s help=h")),
    ]
}
