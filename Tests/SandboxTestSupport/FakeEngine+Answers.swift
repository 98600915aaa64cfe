import Foundation
import Glibc
import Synchronization

extension FakeEngine.Request {
    /// One request, to its body's end. `nil`: it ended before that.
    init?(from connection: Int32) {
        var bytes = Data()
        var chunk = [UInt8](repeating: 0, count: 65536)
        func more() -> Bool {
            let count = read(connection, &chunk, chunk.count)
            if count > 0 { bytes.append(contentsOf: chunk[0..<count]) }
            return count > 0
        }
        var end: Range<Data.Index>?
        while end == nil {
            guard more() else { return nil }
            end = bytes.range(of: Data("\r\n\r\n".utf8))
        }
        guard let end else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) }
        while bytes.count < end.upperBound + (length ?? 0) { guard more() else { return nil } }
        let words = lines[0].split(separator: " ")
        guard words.count == 3 else { return nil }
        self.init(method: String(words[0]), target: String(words[1]), body: Data(bytes[end.upperBound...]))
    }

    private init(method: String, target: String, body: Data) {
        let halves = target.split(separator: "?", maxSplits: 1).map(String.init)
        var path = halves[0]
        var version = ""
        if path.hasPrefix("/v1."), let slash = path.dropFirst().firstIndex(of: "/") {
            version = String(path[..<slash].dropFirst(2))
            path = String(path[slash...])
        }
        let pairs = (halves.count > 1 ? halves[1] : "").split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1).map { String($0).removingPercentEncoding ?? "" }
            return (parts[0], parts.count > 1 ? parts[1] : "")
        }
        self.init(
            method: method, version: version, path: path, query: Dictionary(pairs, uniquingKeysWith: { $1 }), body: body
        )
    }
}

extension FakeEngine {
    /// As one that is well, and has every image.
    package func usual(_ request: Request) -> Answer {
        let parts = request.path.split(separator: "/").map(String.init)
        switch (request.method, parts.first ?? "", parts.count > 1 ? parts[1] : "") {
        case ("GET", "_ping", _): return .status(200, "OK")
        case ("GET", "images", _):
            return .status(200, #"{"Id":"sha256:1","Os":"linux","Config":{"Env":["FROM=fake"],"Volumes":null}}"#)
        case ("GET", "networks", let name): return .status(200, #"{"Name":"\#(name)","Driver":"bridge"}"#)
        case ("POST", "images", "create"): return .status(200, "{\"status\":\"done\"}\n")
        case ("POST", "containers", "create"): return .status(201, "{\"Id\":\"\(create(request))\",\"Warnings\":[]}")
        case ("GET", "containers", "json"): return .status(200, list(request))
        case (let method, "containers", let id): return answer(method, id, parts.dropFirst(2).first ?? "")
        default: return .status(404, #"{"message":"page not found"}"#)
        }
    }

    /// What an engine does that says nothing of it.
    @discardableResult
    package func create(_ request: Request) -> String {
        let labels = request.json()["Labels"] as? [String: String] ?? [:]
        let container = Container(Self.id(), labels: labels, name: request.query["name"] ?? "", body: request.body)
        add(container)
        return container.id
    }

    private func list(_ request: Request) -> String {
        let filter = try? JSONSerialization.jsonObject(with: Data((request.query["filters"] ?? "").utf8))
        let wanted = (filter as? [String: [String]])?["label"] ?? []
        let found = containers.filter { container in
            wanted.allSatisfy { label in
                let halves = label.split(separator: "=", maxSplits: 1).map(String.init)
                let value = container.labels[halves[0]]
                return value != nil && (halves.count == 1 || value == halves[1])
            }
        }
        let list = found.map { container -> [String: Any] in
            [
                "Id": container.id, "Labels": container.labels, "State": container.isStarted ? "running" : "created",
                "Created": container.created,
            ]
        }
        return (try? JSONSerialization.data(withJSONObject: list)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    }

    private func answer(_ method: String, _ id: String, _ verb: String) -> Answer {
        state.withLock { state in
            guard state.containers[id] != nil else { return .status(404, #"{"message":"No such container"}"#) }
            switch (method, verb) {
            case ("POST", "start"):
                state.containers[id]?.isStarted = true
                return .status(204)
            case ("POST", "rename"): return .status(204)
            case ("GET", "json"): return .status(200, "{\"Id\":\"\(id)\",\"Mounts\":[]}")
            case ("DELETE", ""):
                state.containers[id] = nil
                return .status(204)
            default: return .status(404, #"{"message":"page not found"}"#)
            }
        }
    }
}
