import Glibc
import LinuxSystem

/// Asks a container engine what it is and which images and networks it has, over its Unix socket, by the HTTP of RFC 1945: its answer is all
/// that comes until it closes. It changes nothing, and waits no longer than it was told.
enum EngineQuestion {
    /// Bytes of an answer.
    private static let maximumAnswer = 1 << 20
    /// More is not asked for: a directory of policies can name any number.
    private static let mostNames = 64

    /// - Parameter milliseconds: for all questions together.
    static func ask(_ need: EngineNeed, milliseconds: Int32) -> EngineFacts {
        let end = monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
        let ping: Response
        do throws(Failure) {
            ping = try get("/_ping", at: need.socket, until: end)
        } catch {
            switch error {
            case .connect(let code): return EngineFacts(answer: .unreachable(code))
            case .late: return EngineFacts(answer: .silent(milliseconds: milliseconds))
            case .strange: return EngineFacts(answer: .incomprehensible)
            }
        }
        guard ping.status == 200, let interface = ping.header("api-version") else {
            return EngineFacts(answer: .incomprehensible)
        }
        var facts = EngineFacts(answer: .answers(interface: interface))
        if let info = try? get("/info", at: need.socket, until: end), info.status == 200 {
            facts.security = securityOptions(info.body)
        }
        func known(_ names: [String], _ path: (String) -> String) -> [String: Bool] {
            var known: [String: Bool] = [:]
            for name in Set(names).sorted().prefix(mostNames) {
                switch (try? get(path(name), at: need.socket, until: end))?.status {
                case 200: known[name] = true
                case 404: known[name] = false
                default: break
                }
            }
            return known
        }
        facts.images = known(need.images.map(\.name)) { "/images/\(escaped($0))/json" }
        facts.networks = known(need.images.compactMap(\.network)) { "/networks/\($0)" }
        return facts
    }

    /// The texts of the one array `SecurityOptions`, which have neither brackets nor quotes in them.
    static func securityOptions(_ body: String) -> [String]? {
        let parts = body.split(separator: "\"SecurityOptions\":[", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let end = parts[1].firstIndex(of: "]") else { return nil }
        return parts[1][..<end].split(separator: ",\"").map { $0.filter { $0 != "\"" } }
    }

    // MARK: - HTTP

    private enum Failure: Error {
        case connect(Int32)
        case late
        case strange
    }

    struct Response: Equatable {
        var status: Int
        var headers: [String]
        var body: String

        init?(_ text: String) {
            let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
            let lines = parts[0].split(separator: "\r\n").map(String.init)
            let words = (lines.first ?? "").split(separator: " ")
            guard parts.count == 2, words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
                return nil
            }
            (self.status, headers, body) = (status, Array(lines.dropFirst()), String(parts[1]))
        }

        /// - Parameter name: in small letters.
        func header(_ name: String) -> String? {
            for line in headers {
                guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name else { continue }
                return String(line[line.index(after: colon)...].drop { $0 == " " })
            }
            return nil
        }
    }

    private static func get(_ path: String, at socket: String, until end: UInt64) throws(Failure) -> Response {
        let descriptor = try connect(socket)
        defer { close(descriptor) }
        let request = Array("GET \(path) HTTP/1.0\r\nHost: docker\r\n\r\n".utf8)
        // Much less than a socket's buffer.
        guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw .strange
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count <= maximumAnswer {
            let now = monotonicNanoseconds()
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard now < end, poll(&waiting, 1, Int32((end - now) / 1_000_000) + 1) > 0 else { throw .late }
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count >= 0 else { throw .strange }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        guard let response = Response(String(decoding: bytes, as: UTF8.self)) else { throw .strange }
        return response
    }

    private static func connect(_ path: String) throws(Failure) -> Int32 {
        // It does not block: whoever does not accept has a full queue, EAGAIN.
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw .connect(errno) }
        do throws(SystemError) {
            try SocketAddress.with(path) { address, length throws(SystemError) in
                try system("connect", path) { Glibc.connect(descriptor, address, length) }
            }
        } catch {
            close(descriptor)
            throw error.errno == EAGAIN ? .late : .connect(error.errno)
        }
        return descriptor
    }

    /// What of an image's name a path cannot have: the brackets of an address.
    private static func escaped(_ name: String) -> String {
        name.map { $0 == "[" ? "%5B" : $0 == "]" ? "%5D" : String($0) }.joined()
    }
}
