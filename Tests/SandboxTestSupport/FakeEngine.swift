package import Foundation
import Glibc
import Synchronization

/// A Docker Engine of a test's own at a Unix socket: it answers as one that is well and makes no containers, and to what a test chooses
/// as that test says. Threads of this process, one a connection; all of them end with it.
package final class FakeEngine: Sendable {
    package struct Request: Sendable {
        package var method: String
        /// "1.41"; "" where the path has none.
        package var version: String
        /// Without version and query.
        package var path: String
        package var query: [String: String]
        package var body: Data

        package var words: String { "\(method) \(path)" }

        package func json() -> [String: Any] {
            ((try? JSONSerialization.jsonObject(with: body)) as? [String: Any]) ?? [:]
        }
    }

    package indirect enum Answer: Sendable {
        case status(Int, String = "")
        /// A body of as many bytes.
        case flood(Int)
        /// These bytes, and the end.
        case raw(String)
        /// Nothing, for as long as the other end waits.
        case silence
        /// The end, at once.
        case close
        /// After so many milliseconds.
        case late(UInt32, Answer?)
    }

    package struct Container: Sendable {
        package var id: String
        package var name: String
        package var labels: [String: String]
        /// Seconds since 1970.
        package var created: Int
        package var isStarted = false
        /// What it was asked to be, JSON.
        package var body: Data

        package init(
            _ id: String, labels: [String: String], name: String = "", created: Int = time(nil), body: Data = Data()
        ) {
            self.id = id
            self.name = name
            self.labels = labels
            self.created = created
            self.body = body
        }
    }

    /// What a test says to a request; `nil`: as an engine that is well.
    package typealias Script = @Sendable (Request) -> Answer?

    struct State {
        var requests: [Request] = []
        var connections = 0
        var containers: [String: Container] = [:]
        var apiVersion: String? = "1.41"
        var script: Script
        var open: Set<Int32> = []
        var isEnded = false
    }

    package let path: String
    let state: Mutex<State>
    private let listener: Int32

    /// - Parameter path: of a socket that is not there; whoever finds it may connect.
    package init(at path: String, script: @escaping Script = { _ in nil }) throws {
        self.path = path
        state = Mutex(State(script: script))
        listener = try UnixSocket.bound(SOCK_STREAM, at: path)
        chmod(path, 0o666)
        listen(listener, 64)
        let listener = listener
        Thread.detachNewThread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0 { break }
                // A test may be starting a program meanwhile: its own descriptors are chosen, and others go at execve(2).
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                guard let self else {
                    close(connection)
                    break
                }
                let isTaken = self.state.withLock { state in
                    state.connections += 1
                    if !state.isEnded { state.open.insert(connection) }
                    return !state.isEnded
                }
                guard isTaken else {
                    close(connection)
                    break
                }
                Thread.detachNewThread { self.serve(connection) }
            }
            close(listener)
        }
    }

    /// As an engine that is killed: all of its connections end, and its socket's name is there with nobody behind it.
    package func end() {
        state.withLock { state in
            if state.isEnded { return }
            state.isEnded = true
            // accept(2) of a socket that is shut down is over.
            shutdown(listener, Int32(SHUT_RDWR))
            for connection in state.open { shutdown(connection, Int32(SHUT_RDWR)) }
        }
    }

    deinit {
        end()
        unlink(path)
    }

    package var requests: [Request] { state.withLock { $0.requests } }
    package var connections: Int { state.withLock { $0.connections } }
    package var containers: [Container] { state.withLock { Array($0.containers.values) } }

    package func count(_ words: String) -> Int { requests.count { $0.words == words } }

    package func change(_ script: @escaping Script) { state.withLock { $0.script = script } }

    /// What it says of itself; `nil`: nothing.
    package func setVersion(_ version: String?) { state.withLock { $0.apiVersion = version } }

    package func add(_ container: Container) { state.withLock { $0.containers[container.id] = container } }

    /// 64 digits.
    package static func id() -> String {
        let digits = (0..<4).map { _ in String(UInt64.random(in: .min ... .max), radix: 16) }
        return digits.map { String(repeating: "0", count: 16 - $0.count) + $0 }.joined()
    }

    private func serve(_ connection: Int32) {
        defer {
            state.withLock { _ = $0.open.remove(connection) }
            close(connection)
        }
        guard let request = Request(from: connection) else { return }
        let script = state.withLock { state in
            state.requests.append(request)
            return state.script
        }
        give(script(request) ?? usual(request), to: connection, request)
    }

    private func give(_ answer: Answer, to connection: Int32, _ request: Request) {
        switch answer {
        case .status(let status, let text): write(response(status, Data(text.utf8)), connection)
        case .flood(let count):
            write(response(200, Data(repeating: UInt8(ascii: " "), count: count)), connection)
        case .raw(let text): write(Data(text.utf8), connection)
        case .silence:
            var byte: UInt8 = 0
            while read(connection, &byte, 1) > 0 {}
        case .close: break
        case .late(let milliseconds, let answer):
            usleep(milliseconds * 1000)
            give(answer ?? usual(request), to: connection, request)
        }
    }

    private func response(_ status: Int, _ body: Data) -> Data {
        var head = "HTTP/1.1 \(status) Whatever\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n"
        if let version = state.withLock({ $0.apiVersion }) { head += "Api-Version: \(version)\r\n" }
        return Data("\(head)\r\n".utf8) + body
    }

    private func write(_ data: Data, _ connection: Int32) {
        let bytes = [UInt8](data)
        var sent = 0
        while sent < bytes.count {
            // Who has gone away is no reason to end.
            let count = bytes.withUnsafeBytes { buffer in
                send(connection, buffer.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            sent += count
        }
    }
}
