import FoundationEssentials
import LaunchPlan
import NIOCore
import NIOHTTP1

/// What of the Docker Engine API is used, https://docs.docker.com/reference/api/engine/, in its own words.
struct EngineAPI: Sendable {
    let client: EngineClient
    /// As negotiated.
    let version: String
    /// The newest that the engine has, in its words: it says so with every answer.
    let theirs: String

    /// 1.41 is the first with a cgroup namespace of the container's own on every host (Docker 20.10, 2020); later ones are asked as
    /// the last that this was tried with.
    static let oldest = (major: 1, minor: 41)
    static let newest = (major: 1, minor: 47)

    /// Both sides' newest that both have.
    static func negotiate(_ client: EngineClient) async throws(EngineFailure) -> EngineAPI {
        let answer = try await client.ask(.init(.GET, "/_ping", patience: .seconds(3)), version: nil)
        guard answer.status == 200, let text = answer.apiVersion, let theirs = parse(text) else {
            throw .incomprehensible("status \(answer.status) to a ping, without an interface version")
        }
        guard theirs >= oldest else {
            throw .version(
                "the container engine's interface is \(text), and \(oldest.major).\(oldest.minor) is needed (Docker 20.10)"
            )
        }
        let version = min(theirs.minor, newest.minor)
        return EngineAPI(
            client: client, version: theirs.major > 1 ? "1.\(newest.minor)" : "1.\(version)", theirs: text)
    }

    static func parse(_ text: String) -> (major: Int, minor: Int)? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let major = parts[0], let minor = parts[1], major >= 0, minor >= 0 else { return nil }
        return (major, minor)
    }

    struct Image: Decodable {
        struct Configuration: Decodable {
            var env: [String]?
            var volumes: [String: Empty]?
        }
        struct Empty: Decodable {}

        var id: String
        var os: String?
        var config: Configuration?
    }

    /// `nil`: it has none of that name.
    func image(_ name: String) async throws(EngineFailure) -> Image? {
        let answer = try await ask(.init(.GET, "/images/\(Self.escaped(name))/json"), expecting: [200, 404])
        return answer.status == 404 ? nil : try decode(Image.self, answer)
    }

    /// Waits until it is there. What goes wrong on the way the engine tells behind a status of 200.
    func pull(_ image: String) async throws(EngineFailure) {
        let name = Self.escaped(Self.fetchable(image))
        let request = EngineClient.Request(.POST, "/images/create?fromImage=\(name)", patience: .seconds(600))
        let answer = try await ask(request, expecting: [200])
        let text = String(decoding: answer.body.suffix(4096), as: UTF8.self)
        if let last = text.split(separator: "\n").last, last.contains("\"error\"") {
            let words = (try? Self.decoder.decode(Mishap.self, from: Data(last.utf8)))?.error
            throw .refused(status: 500, String((words ?? String(last)).prefix(512)))
        }
    }

    private struct Mishap: Decodable { var error: String }

    /// A name without a tag and a digest is `latest` everywhere but here, where it would be every tag that the registry has.
    static func fetchable(_ image: String) -> String {
        let last = image.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        return last.contains(":") || last.contains("@") ? image : image + ":latest"
    }

    private struct Network: Decodable {
        var name: String
        var driver: String
    }

    /// A network by its very name: the engine would also take an id, or the beginning of one, be it the host's own network.
    func requireNetwork(_ name: String) async throws(EngineFailure) {
        let answer = try await ask(.init(.GET, "/networks/\(Self.escaped(name))"), expecting: [200])
        let network = try decode(Network.self, answer)
        guard network.name == name, network.driver != "host" else {
            throw .refused(status: 403, "network '\(name)' is \(network.name) with driver \(network.driver)")
        }
    }

    private struct Created: Decodable { var id: String }

    /// Returns the container's id.
    func create(_ body: ContainerCreation, name: String?) async throws(EngineFailure) -> String {
        let request = EngineClient.Request(
            .POST, "/containers/create" + (name.map { "?name=\(Self.escaped($0))" } ?? ""), body: try body.encoded(),
            patience: .seconds(15))
        let created = try decode(Created.self, try await ask(request, expecting: [201]))
        guard Self.isContainer(created.id) else {
            throw .incomprehensible("a container called '\(created.id.prefix(80))'")
        }
        return created.id
    }

    /// 64 hexadecimal digits: a component of paths, here and among cgroups.
    static func isContainer(_ text: String) -> Bool {
        text.utf8.count == 64
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }

    private struct Inspected: Decodable {
        struct Mount: Decodable {
            var type: String
            var destination: String
        }
        var mounts: [Mount]
    }

    /// Of a container that was created: an engine may have read an image's volumes in another way than this program, and then has made
    /// a directory on the host's disk.
    func requireNoVolumes(_ container: String) async throws(EngineFailure) {
        let answer = try await ask(.init(.GET, "/containers/\(container)/json"), expecting: [200])
        if let volume = try decode(Inspected.self, answer).mounts.first(where: { $0.type == "volume" }) {
            throw .imageUnfit("the image has a volume at '\(volume.destination.prefix(80))', which cannot be covered")
        }
    }

    func start(_ container: String) async throws(EngineFailure) {
        _ = try await ask(
            .init(.POST, "/containers/\(container)/start", patience: .seconds(20)), expecting: [204, 304])
    }

    func rename(_ container: String, to name: String) async throws(EngineFailure) {
        _ = try await ask(
            .init(.POST, "/containers/\(container)/rename?name=\(Self.escaped(name))"), expecting: [204, 404, 409])
    }

    /// Kills it if need be. Returns when the engine has nothing of it any more; that somebody else is about to remove it (409) is a
    /// failure, since he may not succeed.
    func remove(_ container: String) async throws(EngineFailure) {
        _ = try await ask(
            .init(.DELETE, "/containers/\(container)?force=true&v=true", patience: .seconds(20)), expecting: [204, 404])
    }

    struct Listed: Decodable {
        var id: String
        var labels: [String: String]?
        var state: String?
        /// Seconds since 1970.
        var created: Int64?
    }

    /// Those with a label, `NAME` or `NAME=VALUE`, running or not.
    func containers(labelled label: String) async throws(EngineFailure) -> [Listed] {
        let filter = Self.escaped("{\"label\":[\"\(label)\"]}")
        let answer = try await ask(.init(.GET, "/containers/json?all=true&filters=\(filter)"), expecting: [200])
        let found = try decode([Listed].self, answer)
        if let bad = found.first(where: { !Self.isContainer($0.id) }) {
            throw .incomprehensible("a container called '\(bad.id.prefix(80))'")
        }
        return found
    }

    private struct Message: Decodable { var message: String }

    private func ask(
        _ request: EngineClient.Request, expecting statuses: Set<Int>
    ) async throws(EngineFailure) -> EngineClient.Answer {
        let answer = try await client.ask(request, version: version)
        if statuses.contains(answer.status) { return answer }
        guard answer.status >= 400 else { throw .incomprehensible("status \(answer.status) to \(request.words)") }
        // It may not know the interface by which it was asked.
        if let newest = answer.apiVersion, newest != theirs { throw .replaced }
        let words =
            (try? Self.decoder.decode(Message.self, from: Data(answer.body)))?.message
            ?? String(decoding: answer.body.prefix(512), as: UTF8.self)
        throw .refused(status: answer.status, String(decoding: words.utf8.prefix(1024), as: UTF8.self))
    }

    /// The engine's names begin with a capital letter. Keys of dictionaries are nobody's names, and stay.
    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { path in
            let key = path.last?.stringValue ?? ""
            return EngineKey(key.prefix(1).lowercased() + key.dropFirst())
        }
        return decoder
    }

    private func decode<Value: Decodable>(
        _ type: Value.Type, _ answer: EngineClient.Answer
    ) throws(EngineFailure) -> Value {
        do {
            return try Self.decoder.decode(type, from: Data(answer.body))
        } catch {
            throw .incomprehensible("\(error)")
        }
    }

    /// A path's component or a query's value: nothing but letters, digits and `-._~` as they are (RFC 3986). A name's slashes
    /// and colons are its own.
    static func escaped(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "@"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                result += hex.count == 1 ? "%0\(hex)" : "%\(hex)"
            }
        }
        return result
    }
}

/// A name in JSON of the engine's or for it.
struct EngineKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}
