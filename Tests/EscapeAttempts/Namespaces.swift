import CEscape
import Glibc

extension Attempt {
    /// New namespaces open the kernel's privileged half to everybody; old ones belong to somebody else.
    static let namespaces: [Attempt] =
        [
            ("user", CLONE_NEWUSER), ("mount", CLONE_NEWNS), ("network", CLONE_NEWNET), ("pid", CLONE_NEWPID),
            ("ipc", CLONE_NEWIPC), ("uts", CLONE_NEWUTS), ("cgroup", CLONE_NEWCGROUP), ("time", CLONE_NEWTIME),
        ].map { name, flag in
            Attempt("unshare-\(name)", "CVE-2022-0185, CVE-2024-1086 class", "unshare(2) of the \(name) namespace") {
                _ in mustFail(call(__NR_unshare, Int(flag)))
            }
        } + byClone + joining

    private static let byClone: [Attempt] = [
        Attempt("clone-user-namespace", "CVE-2021-41133", "clone(2) with CLONE_NEWUSER") { _ in
            clone(Int(CLONE_NEWUSER))
        },
        Attempt("clone-all-namespaces", "CVE-2021-41133", "clone(2) with every namespace flag at once") { _ in
            clone(0x7e02_0000)
        },
        Attempt("clone-high-bits", "CVE-2019-10063 class", "CLONE_NEWUSER with bits above the 32nd") { _ in
            clone(Int(CLONE_NEWUSER) | 1 << 40)
        },
        Attempt("clone3-user-namespace", "CVE-2021-41133", "clone3(2), whose flags no filter can see") { _ in
            mustFail(escape_clone3(UInt64(CLONE_NEWUSER), -1))
        },
        Attempt("clone3-into-cgroup", "cgroup escape", "clone3(2) with CLONE_INTO_CGROUP") { _ in
            // A directory that is no cgroup: EBADF is the kernel's answer.
            mustBeRefused(escape_clone3(0, Int32(openFile("/", oPath))))
        },
        Attempt("nested-id-map", "CVE-2018-18955", "a user namespace in a user namespace, with a map of its own") { _ in
            guard becomeRootOfNewUsers() else { return .stopped("no user namespace") }
            return becomeRootOfNewUsers() ? .escaped("root in the inner one: uid \(getuid())") : .stopped("outer only")
        },
        Attempt(
            "id-map-rewrite", "user namespaces", "write a second map to /proc/self/uid_map",
            heldAnyway: "a map is written once"
        ) { _ in mustFail(writeFile("/proc/self/uid_map", "0 0 4294967295")) },
    ]

    private static func clone(_ flags: Int) -> Verdict {
        let pid = call(__NR_clone, flags | Int(SIGCHLD), 0, 0, 0, 0)
        if pid == 0 { _exit(0) }
        if pid > 0 { waitpid(Int32(pid), nil, 0) }
        return mustFail(pid, "made a process")
    }

    private static let joining: [Attempt] =
        ["mnt", "net", "pid", "ipc", "uts", "cgroup"].map { kind in
            Attempt("setns-pid1-\(kind)", "setns", "join the \(kind) namespace of pid 1 by /proc/1/ns/\(kind)") { _ in
                let descriptor = openFile("/proc/1/ns/\(kind)")
                if descriptor < 0 { return .stopped("open: \(errorName(descriptor))") }
                return mustFail(call(__NR_setns, descriptor, 0))
            }
        } + [
            Attempt("setns-user-of-pid1", "setns, CVE-2020-5291", "open pid 1's user namespace, where pid 1 is root") {
                _ in mustNotOpen("/proc/1/ns/user")
            },
            Attempt("setns-pidfd", "setns", "setns(2) with a descriptor of pid 1") { _ in
                let descriptor = call(__NR_pidfd_open, 1, 0)
                if descriptor < 0 { return .stopped("pidfd_open: \(errorName(descriptor))") }
                return mustFail(call(__NR_setns, descriptor, Int(CLONE_NEWNS)))
            },
            Attempt("setns-filtered", "setns", "setns(2) with no namespace at all, to see whether it is refused") { _ in
                mustBeRefused(call(__NR_setns, -1, 0))
            },
            Attempt("namespace-parent", "ioctl_ns(2)", "NS_GET_USERNS and NS_GET_PARENT of one's own namespace") { _ in
                let own = openFile("/proc/self/ns/mnt")
                if own < 0 { return .stopped(errorName(own)) }
                let user = escape_ioctl(Int32(own), 0xb701, 0)
                if user < 0 { return .stopped("owner: \(errorName(Int(user)))") }
                let parent = escape_ioctl(user, 0xb702, 0)
                // In its own initial namespace nobody has a parent to ask for.
                return parent >= 0 ? .escaped("the parent namespace") : .stopped(errorName(Int(parent)))
            }.heldAnyway("the kernel shows nobody a namespace above its own"),
            Attempt("userns-pivot-chain", "sandbox-runtime nested userns", "own namespaces, own tmpfs over /usr") { _ in
                becomeRootOfNamespaces(CLONE_NEWNS)
                _ = call(__NR_mount, text("none"), text("/"), 0, 0x4000 | 1 << 18, 0)
                return mustFail(
                    call(__NR_mount, text("tmpfs"), text("/usr"), text("tmpfs"), 0, 0), "/usr is ours")
            },
            Attempt("userns-nftables", "CVE-2024-1086", "own network namespace, then netfilter's netlink") { _ in
                becomeRootOfNamespaces(CLONE_NEWNET)
                return mustFail(call(__NR_socket, Int(AF_NETLINK), Int(SOCK_RAW.rawValue), 12), "nf_tables reached")
            },
            Attempt("userns-overlayfs", "CVE-2023-0386, CVE-2021-26910", "own mount namespace, then overlayfs") { _ in
                becomeRootOfNamespaces(CLONE_NEWNS)
                return mustBeRefused(
                    call(__NR_mount, text("x"), text("/tmp"), text("overlay"), 0, text("lowerdir=/nonexistent")))
            },
            Attempt("userns-fsconfig", "CVE-2022-0185", "own mount namespace, then fsopen(2)") { _ in
                becomeRootOfNamespaces(CLONE_NEWNS)
                return mustBeRefused(call(__NR_fsopen, badAddress, 0))
            },
        ]

}
