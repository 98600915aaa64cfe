import CEscape
import Glibc

extension Attempt {
    /// Calls that no sandboxed program needs, each with arguments that only the kernel itself can find wrong.
    private static func surface(
        _ name: String, _ origin: String, _ number: Int32, _ arguments: [Int], heldAnyway: String? = nil
    ) -> Attempt {
        Attempt(name, origin, "\(name.split(separator: "-").joined(separator: "_"))(2)", heldAnyway: heldAnyway) { _ in
            let a = arguments + Array(repeating: 0, count: 6 - arguments.count)
            return mustBeRefused(escape_call(Int(number), a[0], a[1], a[2], a[3], a[4], a[5]))
        }
    }

    static let kernelSurface: [Attempt] = [
        Attempt("bpf", "Docker's default profile", "bpf(2), a map") { _ in mustBeRefused(escape_bpf_create_map()) },
        Attempt("perf-event-open", "Docker's default profile", "perf_event_open(2) of itself") { _ in
            mustBeRefused(escape_perf_event_self())
        },
        Attempt("io-uring-setup", "kCTF: most exploits", "io_uring_setup(2)") { _ in
            mustBeRefused(escape_io_uring_setup())
        },
        surface("io-uring-enter", "kCTF: most exploits", __NR_io_uring_enter, [-1, 1, 0, 0, 0, 0]),
        surface("io-uring-register", "kCTF: most exploits", __NR_io_uring_register, [-1, 0, 0, 0]),
        surface("userfaultfd", "race primitive", __NR_userfaultfd, [1]),
        surface("kexec-load", "kexec", __NR_kexec_load, [badAddress, 99, badAddress, 0xffff]),
        surface("kexec-file-load", "kexec", __NR_kexec_file_load, [-1, -1, 0, badAddress, 0xffff]),
        surface("init-module", "modules", __NR_init_module, [badAddress, 0, badAddress], heldAnyway: "nomodule here"),
        surface("finit-module", "modules", __NR_finit_module, [-1, badAddress, 0], heldAnyway: "nomodule here"),
        surface("delete-module", "modules", __NR_delete_module, [badAddress, 0], heldAnyway: "nomodule here"),
        surface("swapon", "swap", __NR_swapon, [badAddress, 0]),
        surface("swapoff", "swap", __NR_swapoff, [badAddress]),
        surface("quotactl", "quotas", __NR_quotactl, [0x8000_0500, badAddress, 0, badAddress]),
        surface("quotactl-fd", "quotas", 443, [-1, 0, 0, 0]),
        surface("acct", "accounting", __NR_acct, [badAddress]),
        surface("syslog", "the kernel's log", __NR_syslog, [10, 0, 0]),
        surface("reboot", "reboot", __NR_reboot, [0, 0, 0]),
        surface("settimeofday", "clocks", __NR_settimeofday, [badAddress, 0]),
        surface("clock-settime", "clocks", __NR_clock_settime, [0, badAddress]),
        surface("clock-adjtime", "clocks", __NR_clock_adjtime, [0, badAddress]),
        surface("adjtimex", "clocks", __NR_adjtimex, [badAddress]),
        surface("iopl", "ports", __NR_iopl, [3]),
        surface("ioperm", "ports", __NR_ioperm, [0x80, 1, 1]),
        surface("modify-ldt", "CVE-2015-5157", __NR_modify_ldt, [0, badAddress, 16]),
        surface("vmsplice", "CVE-2008-0600, CVE-2026-31431", __NR_vmsplice, [-1, badAddress, 1, 0]),
        surface("lookup-dcookie", "Docker's default profile", 212, [0, badAddress, 1]),
        surface("fanotify-init", "watches", __NR_fanotify_init, [0x200, 0]),
        surface("fanotify-mark", "watches", __NR_fanotify_mark, [-1, 0, 0, -1, badAddress]),
        surface("process-mrelease", "processes of others", 448, [-1, 0]),
        surface("set-mempolicy-home-node", "memory", 450, [0, 4096, 0, 7]),
    ]

    static let kernelSurfaceRest: [Attempt] = [
        surface("cachestat", "page cache", 451, [-1, badAddress, badAddress, 0]),
        surface("map-shadow-stack", "newer calls", 453, [1, 1, 0xff]),
        surface("lsm-list-modules", "newer calls", 461, [badAddress, badAddress, 0xff]),
        surface("lsm-set-self-attr", "CVE-2025-52881", 460, [100, badAddress, 0, 0]),
        surface("file-setattr", "newer calls", 469, [-1, badAddress, badAddress, 24, 0]),
        surface("ustat", "older calls", __NR_ustat, [0, badAddress]),
        surface("sysfs", "older calls", __NR_sysfs, [3]),
        Attempt("sethostname", "uts namespaces", "sethostname(2) with no name") { _ in
            mustBeRefused(call(__NR_sethostname, badAddress, 4))
        },
        Attempt("setdomainname", "uts namespaces", "setdomainname(2) with no name") { _ in
            mustBeRefused(call(__NR_setdomainname, badAddress, 4))
        },
        Attempt("vhangup", "terminals", "vhangup(2)") { _ in
            let code = inChild {
                // Nobody's terminal is to be hung up where it works.
                setsid()
                return Int32(truncatingIfNeeded: -min(0, call(__NR_vhangup)))
            }
            return mustFail(code == 0 ? 0 : -Int(code))
        },
        Attempt("read-implies-exec", "personality(2)", "make all readable memory executable") { _ in
            mustFail(call(__NR_personality, 0x0040_0000))
        },
        Attempt("personality-high-bits", "CVE-2019-10063 class", "the same with a bit above the 32nd") { _ in
            mustFail(call(__NR_personality, 0x1_0040_0000))
        },
        Attempt("map-page-zero", "null dereference", "map the page at address 0") { _ in
            mustFail(call(__NR_mmap, 0, 4096, 3, 0x32, -1, 0))
        },
        Attempt("huge-pages", "memory outside the limit", "mmap(2) MAP_HUGETLB: the host's reserved huge pages") { _ in
            mustBeRefused(call(__NR_mmap, 0, 2 << 20, 3, 0x40022, -1, 0))
        },
        Attempt("huge-pages-memory-file", "memory outside the limit", "memfd_create(2) MFD_HUGETLB") { _ in
            mustBeRefused(call(__NR_memfd_create, text("x"), 4))
        },
        Attempt("call-number-high-bits", "CVE-2019-10063 class", "mount(2) by a number with a bit above the 32nd") {
            _ in
            becomeRootOfNamespaces(CLONE_NEWNS)
            return mustBeRefused(escape_call(Int(__NR_mount) | 1 << 32, badAddress, badAddress, badAddress, 0, 0, 0))
        },
    ]
}
