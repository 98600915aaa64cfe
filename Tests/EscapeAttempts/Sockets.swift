import CEscape
import Glibc

extension Attempt {
    private static let stream = 1
    private static let datagram = 2
    private static let raw = 3
    private static let sequenced = 5

    /// A family or protocol that must not be had. Also an answer like "not supported" shows that the kernel was asked: it
    /// may have loaded a module first.
    private static func socket(
        _ name: String, _ origin: String, _ tries: String, _ arguments: [Int]
    ) -> Attempt {
        Attempt("socket-\(name)", origin, tries) { _ in
            let result = call(__NR_socket, arguments[0], arguments[1], arguments[2])
            return result == -Int(EACCES) ? .escaped("the kernel took it: EACCES") : mustBeRefused(result)
        }
    }

    static let sockets: [Attempt] = [
        socket("alg", "CVE-2026-31431", "AF_ALG, the kernel's cryptography", [38, sequenced, 0]),
        socket("vsock", "isolate 2.4", "AF_VSOCK, to the machine's host", [40, stream, 0]),
        socket("key", "CVE-2026-43284", "AF_KEY, IPsec keys", [15, raw, 2]),
        socket("netlink-xfrm", "CVE-2026-43284", "netlink of IPsec", [16, raw, 6]),
        socket("netlink-netfilter", "CVE-2024-1086", "netlink of the packet filter", [16, raw, 12]),
        socket("netlink-audit", "netlink", "netlink of the audit log", [16, raw, 9]),
        socket("netlink-uevent", "netlink", "netlink of device events", [16, raw, 15]),
        socket("netlink-generic", "netlink", "generic netlink, which loads modules", [16, raw, 16]),
        socket("netlink-sock-diag", "netlink", "netlink of other processes' sockets", [16, raw, 4]),
        socket("netlink-crypto", "netlink", "netlink of the kernel's cryptography", [16, raw, 21]),
        socket(
            "netlink-high-bits", "CVE-2019-10063 class", "netlink of IPsec with bits above the 32nd",
            [
                16 | 1 << 32, raw, 6 | 1 << 32,
            ]),
        socket("packet", "AF_PACKET", "whole frames of the network", [17, raw, 0x300]),
        socket(
            "packet-high-bits", "CVE-2019-10063 class", "AF_PACKET with a bit above the 32nd",
            [
                17 | 1 << 32, raw, 0x300,
            ]),
        socket("raw", "raw sockets", "any protocol of the internet", [2, raw, 255]),
        socket("icmp", "raw sockets", "ICMP datagrams", [2, datagram, 1]),
        socket("sctp", "module loading", "SCTP", [2, sequenced, 132]),
        socket("mptcp", "module loading", "MPTCP", [2, stream, 262]),
        socket("dccp", "CVE-2017-6074", "DCCP by its protocol", [2, 6, 33]),
        socket("dccp-by-type", "CVE-2017-6074", "DCCP by its socket type and protocol 0", [2, 6, 0]),
        socket("dccp-by-type-v6", "CVE-2017-6074", "the same for IPv6", [10, 6, 0]),
        socket("unknown-type", "module loading", "an internet socket of a type that a module may have", [2, 4, 0]),
        socket("udplite", "module loading", "UDP-Lite", [2, datagram, 136]),
        socket("l2tp", "module loading", "L2TP", [2, datagram, 115]),
        socket("bluetooth", "module loading", "AF_BLUETOOTH", [31, raw, 1]),
        socket("can", "module loading", "AF_CAN", [29, raw, 1]),
        socket("tipc", "module loading", "AF_TIPC", [30, sequenced, 0]),
        socket("rds", "module loading", "AF_RDS", [21, sequenced, 0]),
        socket("xdp", "AF_XDP", "AF_XDP", [44, raw, 0]),
        socket("smc", "module loading", "AF_SMC", [43, stream, 0]),
        socket("nfc", "module loading", "AF_NFC", [39, raw, 0]),
        socket("ax25", "module loading", "AF_AX25", [3, datagram, 0]),
        socket("pppox", "module loading", "AF_PPPOX", [24, datagram, 0]),
        Attempt("socketpair-of-other-family", "module loading", "socketpair(2) of AF_TIPC") { _ in
            mustBeRefused(call(__NR_socketpair, 30, sequenced, 0, address(memory(8))))
        },
        Attempt("route-change", "netlink", "add an address to an interface") { _ in
            becomeRootOfNamespaces(CLONE_NEWNET)
            // RTM_NEWADDR with no address on no interface: anything but a refusal shows that it would be done.
            return mustBeRefused(escape_route_request(20, 9999))
        },
        Attempt("link-state", "netlink", "change an interface by ioctl(2) SIOCSIFFLAGS") { _ in
            becomeRootOfNamespaces(CLONE_NEWNET)
            let descriptor = call(__NR_socket, 2, datagram, 0)
            let request = memory(40)
            request.copyMemory(from: "nosuch0", byteCount: 8)
            return mustBeRefused(Int(escape_ioctl(Int32(descriptor), 0x8914, address(request))))
        },
        Attempt("packet-filter-replace", "CVE-2021-22555", "setsockopt(2) IPT_SO_SET_REPLACE") { _ in
            becomeRootOfNamespaces(CLONE_NEWNET)
            let descriptor = call(__NR_socket, 2, raw, 6)
            let plain = descriptor >= 0 ? descriptor : call(__NR_socket, 2, datagram, 0)
            return mustBeRefused(call(__NR_setsockopt, plain, 0, 64, address(memory(128)), 128))
        },
        Attempt("send-buffer-force", "limits", "SO_SNDBUFFORCE beyond the host's maximum") { _ in
            let size = memory(4)
            size.storeBytes(of: 1 << 28, as: Int32.self)
            let descriptor = call(__NR_socket, 1, stream, 0)
            return mustFail(call(__NR_setsockopt, descriptor, 1, 32, address(size), 4))
        },
    ]
}
