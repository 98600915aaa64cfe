import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

#if SANDBOX_FAULTS
    /// The process that makes sandboxes ahead, killed at every point of its work, alone and together with others.
    @Suite(.needs(.root), .needs(.cgroup), .enabled(if: Programs.haveFaults), .serialized)
    struct PreparerCrashTests {
        static let points: Set<FaultPoint.Launcher> = [
            .orderReceived, .groupMade, .initCloned, .mapsWritten, .sandboxReady, .sandboxTold, .beforeRemoval,
        ]
        private static let warm: UInt64 = 2

        enum Killed: String, CaseIterable, CustomTestStringConvertible {
            case launcher
            case launcherWhileItHangs = "launcher; the preparer hangs"
            case preparerAndLauncher = "preparer and launcher"
            case all = "preparer, launcher and sandboxd"

            var testDescription: String { rawValue }
        }

        private func service() async throws -> RecoveringService {
            try await RecoveringService(["--warm", "\(Self.warm)"])
        }

        /// A run that is served by what waits, and makes the preparer work.
        private func run(_ service: RecoveringService) async throws -> UInt64 {
            let output = try await service.run()
            #expect(output.outputText == "done\n", "\(output.result.outcome)")
            return monotonicNanoseconds()
        }

        @Test(arguments: Killed.allCases)
        func `with the launcher, and nothing is left`(_ killed: Killed) async throws {
            let service = try await service()
            _ = try await run(service)
            for point in Self.points.sorted(by: { $0.rawValue < $1.rawValue }) {
                let before = try await service.warm(Self.warm)
                service.page.arm(.preparer(point), killed == .launcherWhileItHangs ? .hang : .stop)
                let client = try await service.client()
                let request = Crash.request(service)
                let answer = Task { try? await client.run(request).result.outcome.reason }
                let (preparer, _) = try await service.fired()
                if killed != .launcherWhileItHangs { try await service.stopped(preparer) }
                let since = monotonicNanoseconds()
                if killed == .all { kill(service.daemon.pid, SIGKILL) }
                kill(service.launcher, SIGKILL)
                if killed == .all || killed == .preparerAndLauncher { kill(preparer, SIGKILL) }
                _ = try await service.waitForEnd()
                let left = try Crash.left(service, since: since)
                try service.restart()
                let told = await answer.value
                let servedAt = try await run(service)
                try await service.becomeIdle()
                let after = try await service.warm(Self.warm)
                #expect(after.isWithinWarm(before), "\(point), \(killed): \(before), then \(after)\n\(service.log)")
                RecoveryTable.add(
                    "preparer: \(point)", killed: killed.rawValue,
                    told: told.map { "result `\($0.rawValue)`" } ?? "`not_connected`", left: left,
                    milliseconds: Double(servedAt - since) / 1e6)
            }
        }

        /// The launcher goes on without it, and makes another one a second later; nothing of what the first was at stays.
        @Test func `alone, and the service goes on`() async throws {
            for point in Self.points.sorted(by: { $0.rawValue < $1.rawValue }) {
                let service = try await service()
                _ = try await run(service)
                let before = try await service.warm(Self.warm)
                service.page.arm(.preparer(point), .kill)
                _ = try await run(service)
                let (_, since) = try await service.fired()
                let left = try Crash.left(service, since: since)
                let servedAt = try await run(service)
                let after = try await service.warm(Self.warm)
                #expect(service.log.contains("the preparer has ended"))
                #expect(after.isWithinWarm(before), "\(point): \(before), then \(after)")
                // The new one keeps no groups yet: what there is belongs to those that wait.
                let isClean = try await eventually { try Footprint(service).groupNames.count == Int(Self.warm) }
                let now = try Footprint(service)
                #expect(isClean, "\(point): \(now)")
                RecoveryTable.add(
                    "preparer: \(point)", killed: "preparer", told: "result `exited`", left: left,
                    milliseconds: Double(servedAt - since) / 1e6)
            }
        }
    }
#endif
