import CInit

/// Which network there is, and what of it can be reached. Every address is one of documentation (RFC 5737, RFC 3849) or
/// this machine's own.
enum NetworkFacts {
    private static let internet = 2
    private static let internet6 = 10
    private static let stream = 1
    private static let datagram = 2
    private static let raw = 3
    private static let nonBlocking = 0o4000
    private static let closeOnExec = 0o2_000_000
    private static let discardPort: UInt16 = 9

    static func write(_ output: inout Output) {
        output.copy("interface", "/proc/self/net/dev")
        output.copy("route", "/proc/self/net/route")
        output.attempt("connect_outside", connect(address(192, 0, 2, 1, port: discardPort), waits: false))
        output.attempt("connect_outside6", connectOutside6())
        // Refused at once, or not routed at all: this one never waits, and only then the answer is a refusal.
        output.attempt("connect_loopback", connect(address(127, 0, 0, 1, port: 1), waits: true))
        output.attempt("bind_tcp", bind())
        output.attempt("send_outside", send())
        socket(&output, "socket_raw", internet, raw, 1)
        socket(&output, "socket_packet", 17, raw, 0)
        socket(&output, "socket_alg", 38, 5, 0)
        socket(&output, "socket_vsock", 40, stream, 0)
        socket(&output, "socket_key", 15, raw, 2)
        socket(&output, "socket_audit", 16, raw, 9)
    }

    /// struct sockaddr_in.
    private typealias Address = (family: UInt16, port: UInt16, address: UInt32, padding: UInt64)

    private static func address(_ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32, port: UInt16) -> Address {
        (UInt16(internet), port.bigEndian, (a << 24 | b << 16 | c << 8 | d).bigEndian, 0)
    }

    private static func open(_ family: Int, _ type: Int, _ networkProtocol: Int = 0) -> Int {
        System.call(__NR_socket, family, type | closeOnExec, networkProtocol)
    }

    private static func connect(_ address: Address, waits: Bool) -> Int {
        let socket = open(internet, waits ? stream : stream | nonBlocking)
        guard socket >= 0 else { return socket }
        var address = address
        let result = withUnsafeBytes(of: &address) {
            System.call(__NR_connect, socket, System.address($0.baseAddress!), 16)
        }
        System.close(socket)
        return result
    }

    private static func connectOutside6() -> Int {
        let socket = open(internet6, stream | nonBlocking)
        guard socket >= 0 else { return socket }
        // struct sockaddr_in6: 2001:db8::1.
        var address: (UInt16, UInt16, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (
            UInt16(internet6), discardPort.bigEndian, 0, UInt32(0x2001_0db8).bigEndian, 0, 0, UInt32(1).bigEndian, 0
        )
        let result = withUnsafeBytes(of: &address) {
            System.call(__NR_connect, socket, System.address($0.baseAddress!), 28)
        }
        System.close(socket)
        return result
    }

    private static func bind() -> Int {
        let socket = open(internet, stream)
        guard socket >= 0 else { return socket }
        var any = address(0, 0, 0, 0, port: 0)
        let result = withUnsafeBytes(of: &any) {
            System.call(__NR_bind, socket, System.address($0.baseAddress!), 16)
        }
        System.close(socket)
        return result
    }

    private static func send() -> Int {
        let socket = open(internet, datagram | nonBlocking)
        guard socket >= 0 else { return socket }
        var outside = address(192, 0, 2, 1, port: discardPort)
        var byte: UInt8 = 0
        let result = withUnsafeBytes(of: &outside) {
            System.call(__NR_sendto, socket, System.address(&byte), 1, 0, System.address($0.baseAddress!), 16)
        }
        System.close(socket)
        return result
    }

    private static func socket(
        _ output: inout Output, _ name: StaticString, _ family: Int, _ type: Int, _ networkProtocol: Int
    ) {
        let socket = open(family, type, networkProtocol)
        output.attempt(name, socket)
        if socket >= 0 { System.close(socket) }
    }
}
