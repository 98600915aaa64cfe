import CEscape
import Glibc

extension Attempt {
    /// Services of the host and of its network.
    static let hostServices: [Attempt] = [
        Attempt("host-port", "CVE-2024-29021", "connect to a service on the host's 127.0.0.1") { host in
            answers(connect(internet(2, host.port)))
        },
        Attempt("host-port-v6-mapped", "claude-code#87381", "the same service as ::ffff:127.0.0.1") { host in
            answers(connect(mapped(host.port)))
        },
        Attempt("host-port-fast-open", "claude-code#87381", "the same without connect(2): sendto(2) with MSG_FASTOPEN")
        {
            host in
            let (bytes, size) = internet(2, host.port)
            let descriptor = call(__NR_socket, 2, 1, 0)
            let result = call(__NR_sendto, descriptor, text("x"), 1, 0x2000_0000, address(bytes), size)
            return answers(result < 0 ? result : descriptor)
        },
        Attempt("host-port-any-address", "claude-code#87381", "the same as 0.0.0.0") { host in
            answers(connect(internet(2, host.port, [0, 0, 0, 0])))
        },
        Attempt("host-port-datagram", "network", "a route to the host's loopback for datagrams") { host in
            // connect(2) of a datagram socket only looks for a route; nothing is sent.
            mustFail(connect(internet(2, host.port), type: 2))
        },
        Attempt("metadata-address", "CVE-2024-29021 class", "a route to the cloud's metadata, 169.254.169.254") { _ in
            mustFail(connect(internet(2, 80, [169, 254, 169, 254]), type: 2))
        },
        Attempt("internet", "OpenShell#1169", "a route to a name server of the internet") { _ in
            mustFail(connect(internet(2, 53, [9, 9, 9, 9]), type: 2))
        },
        Attempt("broadcast", "network", "a datagram to everybody") { _ in
            let descriptor = call(__NR_socket, 2, 2, 0)
            let one = memory(4)
            one.storeBytes(of: 1, as: Int32.self)
            _ = call(__NR_setsockopt, descriptor, 1, 6, address(one), 4)
            let (bytes, size) = internet(2, 9, [255, 255, 255, 255])
            return mustFail(call(__NR_connect, descriptor, address(bytes), size))
        },
        Attempt("abstract-socket", "abstract sockets", "a Unix socket of the host by its abstract name") { host in
            answers(connect(unix("\0" + host.abstractSocket)))
        },
        Attempt("path-socket", "srt#234, docker.sock", "a Unix socket of the host by its path") { host in
            answers(connect(unix(host.pathSocket)))
        },
        Attempt("path-socket-by-link", "srt#234, docker.sock", "the same through a link in the workspace") { host in
            unlink("socket-link")
            _ = call(__NR_symlinkat, text(host.pathSocket), currentDirectory, text("socket-link"))
            return answers(connect(unix("socket-link")))
        },
        Attempt("abstract-names", "abstract sockets", "names of the host's sockets in /proc/net/unix") { host in
            let table = readFile("/proc/net/unix", limit: 1 << 20) ?? ""
            return table.contains(host.abstractSocket) ? .escaped("found") : .stopped("not listed")
        },
        Attempt("host-interfaces", "network namespaces", "an interface beside lo") { _ in
            let names = (readFile("/proc/net/dev") ?? "").split(separator: "\n").dropFirst(2)
                .compactMap { $0.split(separator: ":").first?.drop { $0 == " " } }.filter { $0 != "lo" }
            return names.isEmpty ? .stopped("lo alone") : .escaped(names.joined(separator: " "))
        },
        Attempt("host-listeners", "network namespaces", "the host's listening port in /proc/net/tcp") { host in
            let table = readFile("/proc/net/tcp", limit: 1 << 20) ?? ""
            let hex = String(host.port, radix: 16, uppercase: true)
            let port = String(repeating: "0", count: 4 - hex.count) + hex
            return table.contains(":\(port) ") ? .escaped("found") : .stopped("not listed")
        },
    ]

    private static func internet(
        _ family: UInt16, _ port: UInt16, _ parts: [UInt8] = [127, 0, 0, 1]
    ) -> (UnsafeMutableRawPointer, Int) {
        let bytes = memory(16)
        bytes.storeBytes(of: family, as: UInt16.self)
        bytes.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
        for (index, part) in parts.enumerated() { bytes.storeBytes(of: part, toByteOffset: 4 + index, as: UInt8.self) }
        return (bytes, 16)
    }

    private static func mapped(_ port: UInt16) -> (UnsafeMutableRawPointer, Int) {
        let bytes = memory(28)
        bytes.storeBytes(of: 10, as: UInt16.self)
        bytes.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
        for (index, part) in [255, 255, 127, 0, 0, 1].enumerated() {
            bytes.storeBytes(of: UInt8(part), toByteOffset: 18 + index, as: UInt8.self)
        }
        return (bytes, 28)
    }

    private static func unix(_ path: String) -> (UnsafeMutableRawPointer, Int) {
        let bytes = memory(110)
        bytes.storeBytes(of: 1, as: UInt16.self)
        let name = Array(path.utf8.prefix(107))
        for (index, byte) in name.enumerated() { bytes.storeBytes(of: byte, toByteOffset: 2 + index, as: UInt8.self) }
        return (bytes, 2 + name.count + (path.hasPrefix("\0") ? 0 : 1))
    }

    /// A connected socket or a negative errno.
    private static func connect(_ to: (UnsafeMutableRawPointer, Int), type: Int = 1) -> Int {
        let family = Int(to.0.load(as: UInt16.self))
        let descriptor = call(__NR_socket, family, type, 0)
        if descriptor < 0 { return descriptor }
        let result = call(__NR_connect, descriptor, address(to.0), to.1)
        return result < 0 ? result : descriptor
    }

    /// The service says its secret to whoever comes.
    private static func answers(_ descriptor: Int) -> Verdict {
        descriptor < 0 ? .stopped(errorName(descriptor)) : .escaped(readAll(descriptor, limit: 64))
    }
}
