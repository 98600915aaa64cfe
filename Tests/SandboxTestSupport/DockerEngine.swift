package import Foundation
import Glibc
import LinuxSystem

/// The Docker Engine that the tests may use: Tests/Docker/with-engine.sh starts it and says where it is.
package enum DockerEngine {
    /// Its socket's path.
    package static let socket: String = {
        let host = getenv("DOCKER_HOST").map { String(cString: $0) } ?? ""
        return host.hasPrefix("unix://") ? String(host.dropFirst("unix://".count)) : "/run/docker.sock"
    }()

    package static let busybox = "sandboxd-test/busybox:1"
    package static let debian = "sandboxd-test/debian:12"
    /// Its configuration asks for all that an image's can.
    package static let greedy = "sandboxd-test/greedy:1"

    package static var isPresent: Bool { geteuid() == 0 && (try? ask("GET", "/images/\(debian)/json"))?.status == 200 }

    package struct Answer {
        package var status: Int
        package var body: Data

        /// `nil` where it is no JSON, or is of no such kind.
        package func json<Value>(_ type: Value.Type = Value.self) -> Value? {
            (try? JSONSerialization.jsonObject(with: body)) as? Value
        }
    }

    /// One request of the tests' own, by curl(1): what sandboxd's client says is not taken on trust.
    package static func ask(_ method: String, _ path: String, body: String? = nil) throws -> Answer {
        var words = [
            "/usr/bin/curl", "--silent", "--globoff", "--max-time", "60", "--unix-socket", socket, "--request", method,
            "--write-out", "\n%{http_code}", "http://docker\(path)",
        ]
        if let body { words += ["--header", "Content-Type: application/json", "--data-binary", body] }
        let directory = TemporaryDirectory()
        let output = open("\(directory.path)/out", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(output) }
        try StartedProgram(words, descriptors: [output, output, 2]).wait()
        let text = try directory.read("out")
        guard let line = text.lastIndex(of: "\n"), let status = Int(text[line...].dropFirst()) else {
            throw SystemError("ask the engine at", socket, errno: ECONNREFUSED)
        }
        return Answer(status: status, body: Data(text[..<line].utf8))
    }

    package static func version() throws -> String {
        try ask("GET", "/version").json([String: Any].self)?["Version"] as? String ?? "unknown"
    }

    /// Ids of containers with a label, running or not.
    package static func containers(labelled label: String) throws -> [String] {
        let filter = "%7B%22label%22%3A%5B%22\(label)%22%5D%7D"
        let list: [[String: Any]] = try ask("GET", "/containers/json?all=true&filters=\(filter)").json() ?? []
        return list.compactMap { $0["Id"] as? String }
    }

    package static func inspect(_ container: String) throws -> [String: Any]? {
        let answer = try ask("GET", "/containers/\(container)/json")
        return answer.status == 200 ? answer.json() : nil
    }

    package static func remove(_ container: String) throws {
        _ = try ask("DELETE", "/containers/\(container)?force=true&v=true")
    }
}
