import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

#if SANDBOX_FAULTS
    /// Whoever is killed at whatever point of a launch: nothing is left when the service has been started again, and its client
    /// was told.
    @Suite(.needs(.root), .needs(.cgroup), .enabled(if: Programs.haveFaults), .serialized)
    struct CrashTests {
        private static let ofLaunch: [FaultPoint.Launcher] = [
            .requestReceived, .requestChecked, .identityTaken, .workspaceOpened, .groupMade, .initCloned, .mapsWritten,
            .handedOver, .startHeard, .endHeard, .beforeEndTold, .endTold, .beforeRemoval,
        ]
        private static let ofRequest: [FaultPoint.Daemon] = [
            .frameDecoded, .validated, .pipesMade, .requestSent, .startTaken, .endTaken, .answerHalfWritten,
        ]
        private static let ofStart: [FaultPoint] = [
            .daemon(.launcherStarted), .daemon(.policiesSent), .launcher(.claimed), .launcher(.policyTaken),
        ]

        @Test func `every point is tried`() {
            let launcher = Set(Self.ofLaunch).union([.claimed, .policyTaken]).union(PreparerCrashTests.points)
            #expect(launcher == Set(FaultPoint.Launcher.allCases))
            let daemon = Set(Self.ofRequest).union([.launcherStarted, .policiesSent])
            #expect(daemon == Set(FaultPoint.Daemon.allCases))
        }

        @Test(arguments: Victim.allCases)
        func `at a point of the launcher`(_ victim: Victim) async throws {
            let service = try await RecoveringService()
            _ = try await service.run()
            for point in Self.ofLaunch {
                try await Crash(service: service, point: .launcher(point), victim: victim).duringLaunch()
            }
        }

        @Test(arguments: [Victim.itself, .other, .both])
        func `at a point of sandboxd`(_ victim: Victim) async throws {
            let service = try await RecoveringService()
            _ = try await service.run()
            for point in Self.ofRequest {
                try await Crash(service: service, point: .daemon(point), victim: victim).duringLaunch()
            }
        }

        @Test(arguments: Victim.allCases)
        func `at a point of the start`(_ victim: Victim) async throws {
            let service = try await RecoveringService()
            _ = try await service.run()
            for point in Self.ofStart where victim != .otherWhileItHangs || point.place == .launcher {
                try await Crash(service: service, point: point, victim: victim).duringStart()
            }
        }
    }
#endif
