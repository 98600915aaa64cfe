import CSeccomp
import Glibc

/// A condition on one argument: `argument & mask == value`. Arguments are masked and never compared whole: the kernel
/// looks at 32 bits of many of them, a filter sees 64 (CVE-2019-10063).
struct ArgumentCondition {
    var index: UInt32
    var mask: UInt64
    var value: UInt64
    /// Instead: the argument, a pointer, is not NULL.
    var isPointer = false

    static func pointer(_ index: UInt32) -> ArgumentCondition {
        ArgumentCondition(index: index, mask: 0, value: 0, isPointer: true)
    }
}

/// When a conditional call is allowed. Each inner list is one rule; all its conditions must hold.
enum ArgumentRules {
    private static let word: UInt64 = 0xffff_ffff

    /// In words, for explanations; `nil` for a call whose arguments nobody looks at.
    static func condition(of name: String) -> String? {
        switch name {
        case "chmod", "fchmod", "fchmodat", "fchmodat2", "creat", "mkdir", "mkdirat", "open", "openat":
            "without the set-user-ID and set-group-ID bits in its mode"
        case "mknod", "mknodat": "for plain files, FIFOs and sockets, without set-ID bits"
        case "clone": "without new namespaces"
        case "socket": "for AF_UNIX, for TCP and UDP of AF_INET and AF_INET6, and for NETLINK_ROUTE"
        case "socketpair": "for AF_UNIX"
        case "mmap", "memfd_create": "without huge pages"
        case "renameat2": "without RENAME_WHITEOUT"
        case "ioctl": "but for TIOCSTI, TIOCLINUX and TIOCSETD"
        case "personality": "for PER_LINUX, with or without ADDR_NO_RANDOMIZE"
        case "prlimit64", "setrlimit": "but for RLIMIT_CORE, which stays as it is"
        default: nil
        }
    }
    private static let setIdBits: UInt64 = 0o6000
    /// RLIMIT_CORE
    static let coreLimit: UInt64 = 4

    /// `nil` for a call that is allowed with any arguments.
    static func rules(for name: String) -> [[ArgumentCondition]]? {
        switch name {
        // A file with a set-user-ID bit in the workspace would be the caller's, on the host's disk, when it is executed
        // outside: so none can be made, neither by chmod nor by creating it with such a mode.
        case "chmod", "creat", "fchmod": [[ArgumentCondition(index: 1, mask: setIdBits, value: 0)]]
        case "fchmodat", "fchmodat2": [[ArgumentCondition(index: 2, mask: setIdBits, value: 0)]]
        case "mkdir": [[ArgumentCondition(index: 1, mask: setIdBits, value: 0)]]
        case "mkdirat": [[ArgumentCondition(index: 2, mask: setIdBits, value: 0)]]
        case "open": creating(flags: 1, mode: 2)
        case "openat": creating(flags: 2, mode: 3)
        // FIFOs, sockets and plain files; never devices.
        case "mknod": nodes(mode: 1)
        case "mknodat": nodes(mode: 2)
        // CLONE_NEWTIME is in CSIGNAL's bits and only clone3 and unshare take it.
        case "clone": [[ArgumentCondition(index: 0, mask: namespaceFlags, value: 0)]]
        case "socket": sockets
        case "setrlimit": allBut([coreLimit]).map { [ArgumentCondition(index: 0, mask: $0.mask, value: $0.value)] }
        // Reading the limit on cores is fine: no new value.
        case "prlimit64":
            allBut([coreLimit]).map { [ArgumentCondition(index: 1, mask: $0.mask, value: $0.value)] } + [
                [
                    ArgumentCondition(index: 1, mask: word, value: coreLimit),
                    ArgumentCondition(index: 2, mask: .max, value: 0),
                ]
            ]
        case "ioctl": allBut(deniedRequests).map { [ArgumentCondition(index: 1, mask: $0.mask, value: $0.value)] }
        case "socketpair": [[ArgumentCondition(index: 0, mask: word, value: UInt64(AF_UNIX))]]
        // Huge pages are the host's reserve, and no memory limit counts them (MAP_HUGETLB, MFD_HUGETLB).
        case "mmap": [[withoutHugePages]]
        case "memfd_create": [[ArgumentCondition(index: 1, mask: 4, value: 0)]]
        // RENAME_WHITEOUT leaves a device node.
        case "renameat2": [[ArgumentCondition(index: 4, mask: 4, value: 0)]]
        // PER_LINUX, PER_LINUX with ADDR_NO_RANDOMIZE (gdb, some runtimes), and "tell me".
        case "personality":
            [0, 0x0004_0000, word].map { [ArgumentCondition(index: 0, mask: word, value: $0)] }
        default: nil
        }
    }

    /// `mmap(2)`
    static let withoutHugePages = ArgumentCondition(index: 3, mask: 0x40000, value: 0)

    /// NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET.
    private static let namespaceFlags: UInt64 = 0x7e02_0000

    /// `open(2)`: the mode counts with O_CREAT and with the bit of O_TMPFILE; without both it is whatever the register
    /// held.
    private static func creating(flags: UInt32, mode: UInt32) -> [[ArgumentCondition]] {
        [
            [ArgumentCondition(index: flags, mask: UInt64(O_CREAT) | 0o20_000_000, value: 0)],
            [ArgumentCondition(index: mode, mask: setIdBits, value: 0)],
        ]
    }

    private static func nodes(mode: UInt32) -> [[ArgumentCondition]] {
        let type: UInt64 = 0o170000
        return [0, UInt64(S_IFREG), UInt64(S_IFIFO), UInt64(S_IFSOCK)].map {
            [ArgumentCondition(index: mode, mask: type | setIdBits, value: $0)]
        }
    }

    /// Not AF_ALG, AF_VSOCK, AF_KEY, AF_PACKET, AF_BLUETOOTH...; of the internet only TCP and UDP (an unknown protocol
    /// loads modules on the host: SCTP, MPTCP, L2TP); netlink only for routes (`getifaddrs(3)` needs it).
    private static var sockets: [[ArgumentCondition]] {
        func socket(_ family: Int32, _ type: __socket_type, _ networkProtocol: Int) -> [ArgumentCondition] {
            [
                ArgumentCondition(index: 0, mask: word, value: UInt64(family)),
                // SOCK_TYPE_MASK; the other bits are SOCK_CLOEXEC and SOCK_NONBLOCK. A type, too, loads modules: DCCP has
                // one of its own, with protocol 0 (CVE-2017-6074).
                ArgumentCondition(index: 1, mask: 0xf, value: UInt64(type.rawValue)),
                ArgumentCondition(index: 2, mask: word, value: UInt64(networkProtocol)),
            ]
        }
        let internet = [AF_INET, AF_INET6].flatMap { family in
            [0, Int(IPPROTO_TCP)].map { socket(family, SOCK_STREAM, $0) }
                + [0, Int(IPPROTO_UDP)].map { socket(family, SOCK_DGRAM, $0) }
        }
        let routes = [SOCK_RAW, SOCK_DGRAM].map { socket(AF_NETLINK, $0, 0) }
        return [[ArgumentCondition(index: 0, mask: word, value: UInt64(AF_UNIX))]] + routes + internet
    }

    /// Asking for a limit on core dumps, which is answered as if it had been done. No core is ever written to a file: the
    /// limit is one byte, which also keeps the kernel from starting a host's core handler as root. Zero would not (core(5)).
    static let coreLimits: [(name: String, conditions: [ArgumentCondition])] = [
        ("setrlimit", [ArgumentCondition(index: 0, mask: word, value: coreLimit)]),
        ("prlimit64", [ArgumentCondition(index: 1, mask: word, value: coreLimit), .pointer(2)]),
    ]

    /// ioctl(2) requests that are refused; every other one is allowed. `ioctl_tty(2)`: TIOCSTI types into a terminal
    /// (CVE-2017-5226), TIOCLINUX does it by another name (CVE-2023-28100), TIOCSETD loads line disciplines.
    static let deniedRequests: [UInt64] = [0x5412, 0x541c, 0x5423]

    /// Every 32-bit value but some, as few prefixes of bits: libseccomp has no masked "not equal", and whatever the
    /// upper 32 bits are, the kernel does not look at them.
    static func allBut(_ values: [UInt64], prefix: UInt64 = 0, bit: UInt64 = 32) -> [(mask: UInt64, value: UInt64)] {
        let mask = (word << bit) & word
        guard values.contains(where: { $0 & mask == prefix }) else { return [(mask, prefix)] }
        guard bit > 0 else { return [] }
        let one = UInt64(1) << (bit - 1)
        return allBut(values, prefix: prefix, bit: bit - 1) + allBut(values, prefix: prefix | one, bit: bit - 1)
    }
}
