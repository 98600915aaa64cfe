import Glibc
import LinuxSystem
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// On cgroup v1 a control group serves one sandbox after the other; nobody may notice.
@Suite(.needs(.root), .needs(.cgroup), .needs(.programs), .serialized)
struct GroupReuseTests {
    private let service: ServiceFixture
    private let client: SandboxClient
    private let traces: SandboxTraces

    init() async throws {
        service = try ServiceFixture(options: ["--warm", "1", "--only-policy", "default"])
        client = try await service.client()
        traces = try await SandboxTraces(service)
    }

    private struct Place: Hashable {
        var path: String
        var inode: UInt64
    }

    /// The memory group of the sandbox that waits for the next run; `nil` on cgroup v2.
    private func nextPlace() async throws -> Place? {
        var found: Place?
        _ = try await eventually {
            try await service.waitForWarm("default", client)
            let groups = try traces.groups().filter { $0.contains("/memory/") }
            let used = groups.filter { ((try? wholeFile("\($0)/cgroup.procs")) ?? "") != "" }
            guard used.count == 1, let path = used.first else { return groups.isEmpty }
            var status = stat()
            guard stat(path, &status) == 0 else { return false }
            found = Place(path: path, inode: UInt64(status.st_ino))
            return true
        }
        return found
    }

    private func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<500 {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    private func expectFresh(_ count: Int) async throws {
        for _ in 0..<count {
            let place = try await nextPlace()
            let result = try await client.run(RunRequest(argv: ["sleep", "0.05"])).result
            let usage = result.usage
            #expect(
                result.outcome.reason == .exited && result.outcome.code == 0 && result.limitsHit.isEmpty, "\(result)")
            #expect(
                usage.memoryPeakBytes ?? .max < 6 << 20 && usage.processesPeak ?? 1 == 1, "\(place as Any) \(usage)")
            #expect((usage.userMilliseconds ?? .max) &+ (usage.systemMilliseconds ?? 0) < 300, "\(usage)")
            #expect(usage.throttledMilliseconds ?? 0 < 100, "\(usage)")
        }
    }

    @Test func `a modest run leaves its group to others`() async throws {
        var places: [Place] = []
        for _ in 0..<12 {
            guard let place = try await nextPlace() else { return }
            places.append(place)
            try await expectFresh(1)
        }
        #expect(Set(places).count < places.count, "\(places)")
    }

    private static let greedy: [(name: String, argv: [String], limits: Limits)] = [
        ("processes", ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait"], Limits()),
        ("refused forks", ["sh", "-c", "for i in 1 2 3 4 5 6; do sleep 0.2 & done; wait"], Limits(processes: 4)),
        ("memory", ["sh", "-c", "head -c 60M /dev/zero | tail -c 60M | wc -c"], Limits()),
        ("a small limit", ["sleep", "0.1"], Limits(memoryBytes: 24 << 20, processes: 2)),
        ("a small share", ["sh", "-c", "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done"], Limits(cpus: 0.2)),
        ("files in memory", ["sh", "-c", "head -c 30M /dev/zero > /tmp/file"], Limits()),
        ("an end by force", ["sh", "-c", "trap '' TERM; while :; do :; done"], Limits(wallMilliseconds: 300)),
    ]

    @Test func `whatever a run did, the next ones do not hear of it`() async throws {
        let first = try await nextPlace()
        let limit = try first.map { try wholeFile("\($0.path)/memory.limit_in_bytes") }
        for (name, argv, limits) in Self.greedy {
            _ = try await nextPlace()
            let result = try await client.run(RunRequest(argv: argv, limits: limits)).result
            #expect(result.outcome.reason != .lost, "\(name): \(result)")
            try await expectFresh(4)
            if let place = try await nextPlace() {
                #expect(try wholeFile("\(place.path)/memory.limit_in_bytes") == limit, "\(name)")
            }
        }
    }

    /// The groups that are made for a request are named after it. They go after the answer: the last one's has to be gone.
    private func hasOwnGroup(_ limits: Limits) async throws -> Bool {
        try await service.waitForWarm("default", client)
        let isNamed = { try traces.groups().contains { $0.contains("/run-") } }
        try #require(try await eventually { try !isNamed() })
        let run = try await client.start(RunRequest(argv: ["sh", "-c", "echo up; sleep 1"], limits: limits))
        var hasOwn = false
        for try await event in run.events {
            if case .standardOutput = event { hasOwn = try isNamed() }
        }
        return hasOwn
    }

    /// What another run has left charged to a group would be felt.
    @Test func `who has little memory gets a new one`() async throws {
        guard try await nextPlace() != nil else { return }
        #expect(try await hasOwnGroup(Limits(memoryBytes: 31 << 20)))
        #expect(try await !hasOwnGroup(Limits(memoryBytes: 32 << 20)))
    }

    @Test func `a group in which the kernel has killed for memory is nobody's any more`() async throws {
        guard let place = try await nextPlace() else { return }
        let argv = ["dd", "if=/dev/zero", "of=/dev/null", "bs=128M", "count=1"]
        let result = try await client.run(RunRequest(argv: argv, limits: Limits(memoryBytes: 48 << 20))).result
        #expect(result.outcome.reason == .memoryLimit)
        try await expectFresh(3)
        var status = stat()
        #expect(stat(place.path, &status) != 0 || UInt64(status.st_ino) != place.inode)
    }
}
