import LaunchPlan
import SandboxModel
import Testing

@testable import SandboxEngine

/// What is lacking where, by name.
@Suite struct WeaknessTests {
    private static let ungrouped = ResourceControl(version: 0, features: [])

    @Test func `root lacks nothing, whatever its host can do`() {
        var limits = Limits(cpuMilliseconds: 1)
        limits.readBytesPerSecond = 1 << 20
        limits.workspaceBytes = 1 << 20
        for version in [UInt8(1), 2] {
            let resources = ResourceControl(version: version, features: .ofRoot)
            #expect(Weakness.list(limits, hasWorkspace: true, on: resources).isEmpty)
        }
    }

    @Test func `without root and without a group`() {
        #expect(Weakness.list(Limits(), hasWorkspace: true, on: Self.ungrouped) == [.ownUID, .memory, .cpus])
        #expect(
            Weakness.list(Limits(cpuMilliseconds: 1), hasWorkspace: false, on: Self.ungrouped)
                == [.ownUID, .memory, .cpus, .cpuTime])
        var limits = Limits()
        limits.readBytesPerSecond = 1 << 20
        limits.writeBytesPerSecond = 1 << 20
        limits.workspaceInodes = 10
        // Of a workspace in memory the size is its file system's.
        #expect(
            Weakness.list(limits, hasWorkspace: false, on: Self.ungrouped)
                == [.ownUID, .memory, .cpus, .readRate, .writeRate])
        #expect(Weakness.list(limits, hasWorkspace: true, on: Self.ungrouped).last == .workspaceSize)
    }

    @Test func `a delegated group keeps what its controllers can`() {
        var limits = Limits(cpuMilliseconds: 1)
        limits.readBytesPerSecond = 1 << 20
        let some = ResourceControl(version: 2, features: [.memoryLimit, .cpuUsage])
        #expect(Weakness.list(limits, hasWorkspace: true, on: some) == [.ownUID, .cpus, .readRate])
        let all = ResourceControl(version: 2, features: [.memoryLimit, .cpuUsage, .cpuLimit, .readRate, .writeRate])
        #expect(Weakness.list(limits, hasWorkspace: true, on: all) == [.ownUID])
    }

    @Test func `a request accepts what is on the list and nothing else`() throws {
        var request = RunRequest(argv: ["true"], acceptWeaker: Weakness.allCases.map(\.name))
        try RequestValidation.check(request)
        request.acceptWeaker = ["memroy"]
        #expect(throws: ServiceError.self) { try RequestValidation.check(request) }
    }
}
