import ArgumentParser
import Glibc
import LinuxSystem
import SandboxClient
import SandboxModel

/// /bin/true in containers of the Docker Engine that this host has: started ahead of its request, made for it, and by
/// `docker run`; beside a sandbox of the launcher's own.
struct DockerPart {
    let context: CompareContext

    private static let ahead = "container started ahead, open connection"
    private static let made = "container made for the request, open connection"
    private static let native = "a fresh sandbox, open connection"
    private static let run = "docker run --rm, a whole process"
    /// Containers take tenths of a second each.
    private static let mostRuns = 60
    private static let patience = 200

    /// Where the engine is, as sandboxd and docker(1) find it.
    static var socket: String {
        let host = getenv("DOCKER_HOST").map { String(cString: $0) } ?? ""
        return host.hasPrefix("unix://") ? String(host.dropFirst("unix://".count)) : "/run/docker.sock"
    }

    func measure() async throws -> CompareReport {
        guard access(Self.socket, R_OK | W_OK) == 0 else {
            return CompareReport(missing: ["docker containers: no engine at \(Self.socket)"])
        }
        let service = try await BenchService(
            policies: ["bench-ahead": policy(ahead: 2), "bench-made": policy(ahead: 0)],
            options: ["--docker-socket", Self.socket])
        defer { service.stop() }
        let client = try await service.client()
        defer { client.close() }
        for name in ["bench-ahead", "bench-made"] { try requireServed(try await client.verify(policy: name)) }
        return try await measure(try PlainClient(socket: service.socket), client)
    }

    private func measure(_ plain: PlainClient, _ client: SandboxClient) async throws -> CompareReport {
        func request(_ policy: String) throws -> [UInt8] {
            try PlainClient.request(RunRequest(argv: ["/bin/true"], policy: policy))
        }
        let (ahead, made, native) = (try request("bench-ahead"), try request("bench-made"), try request("default"))
        let docker = context.tools["docker"]
        var samples: [String: [UInt64]] = [:]
        for _ in 0..<min(context.sizes.runs, Self.mostRuns) {
            try await waitForContainer(client)
            context.pause()
            samples[Self.ahead, default: []].append(try plain.run(ahead))
            try await waitForContainer(client)
            context.pause()
            samples[Self.native, default: []].append(try plain.run(native))
            context.pause()
            samples[Self.made, default: []].append(try plain.run(made))
            try await waitForContainer(client)
            if let docker { samples[Self.run, default: []].append(try docker.run()) }
        }
        return report(
            samples, missing: docker == nil ? ["docker run: not here, or it has no image of --docker-image"] : [])
    }

    /// Until the engine has nothing to do for the one that is measured next.
    private func waitForContainer(_ client: SandboxClient) async throws {
        for _ in 0..<Self.patience {
            let warm = try await client.serviceStats().warm
            if warm?.waiting["bench-ahead"] ?? 0 >= 2, warm?.preparing == 0 { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw ValidationError("no container is started ahead")
    }

    private func policy(ahead: Int) -> String {
        """
        version: 1
        extends: default
        backend: docker
        docker:
          image: \(context.image)
          ahead: \(ahead)

        """
    }

    private func requireServed(_ verdicts: [PolicyVerification]) throws {
        for verdict in verdicts where verdict.state != .verified {
            throw ValidationError(
                "policy \(verdict.policy) is \(verdict.state.rawValue): \(verdict.reason ?? "a check failed")")
        }
    }

    private func report(_ samples: [String: [UInt64]], missing: [String]) -> CompareReport {
        let order = [Self.native, Self.ahead, Self.made, Self.run]
        let times = samples.mapValues { Distribution($0) }
        let yardstick = times[Self.run]?.p50
        var table = CompareReport.Table(title: "docker: /bin/true; ratio to docker run")
        for name in order {
            guard let time = times[name], let count = samples[name]?.count else { continue }
            table.rows.append(.init(name: name, runs: count, times: time, yardstick: yardstick))
        }
        var figures: [Figure] = []
        func p50(_ name: String) -> Double { Double(times[name]?.p50 ?? 0) }
        figures.append(Figure(.dockerAheadP50, p50(Self.ahead) / 1e6))
        figures.append(Figure(.dockerAheadNative, p50(Self.ahead) / p50(Self.native)))
        if let yardstick {
            figures.append(Figure(.dockerAheadRun, p50(Self.ahead) / Double(yardstick)))
            figures.append(Figure(.dockerMadeRun, p50(Self.made) / Double(yardstick)))
        }
        return CompareReport(figures: figures, tables: [table], missing: missing)
    }
}
