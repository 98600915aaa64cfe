import Glibc
import LaunchPlan
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

#if SANDBOX_FAULTS
    /// A step that fails is told by its name, and leaves nothing: whoever does it.
    @Suite(.needs(.root), .needs(.cgroup), .enabled(if: Programs.haveFaults), .serialized)
    struct StepFaultTests {
        /// Everything that can be asked of a step, so that all of them are done.
        private static let policy = """
            version: 1
            extends: default
            network: loopback
            workspace: { execute: false }
            commands: { write-execute-memory: false }
            """

        private func fail(_ point: FaultPoint, _ service: RecoveringService) async throws -> ServiceError? {
            let client = try await service.client()
            service.page.arm(point, .fail, errno: EIO)
            defer { service.page.disarm() }
            do {
                _ = try await client.run(Crash.request(service))
                return nil
            } catch let error as ServiceError {
                return error
            }
        }

        @Test func `of the launcher`() async throws {
            // The first run makes an id map, which is kept.
            let steps: [LaunchStage] = [
                .idMap, .cgroup, .attach, .template, .clone, .maps, .handOver, .workspaceOpen, .workspaceMount,
            ]
            let service = try await RecoveringService()
            for stage in steps {
                // On cgroup v2 the kernel puts pid 1 into its group.
                let error = try await fail(.launcherStep(stage.rawValue, stage.name), service)
                #expect(
                    error?.stage == stage.name && error?.message.contains("EIO") == true, "\(stage): \(error as Any)")
                let footprint = try await service.idle()
                #expect(footprint.isIdle, "\(stage): \(footprint)")
                let output = try await service.client().run(Crash.request(service))
                #expect(output.outputText == "done\n", "\(stage)")
            }
        }

        @Test func `of the preparer, and the next one is made`() async throws {
            let steps: [LaunchStage] = [.cgroup, .attach, .template, .clone, .maps, .handOver, .initReceive]
            let service = try await RecoveringService(["--warm", "2"])
            _ = try await service.client().run(Crash.request(service))
            let before = try await service.warm(2)
            for stage in steps {
                service.page.arm(.preparerStep(stage.rawValue, stage.name), .fail, errno: EIO)
                for _ in 1...3 {
                    let output = try await service.client().run(Crash.request(service))
                    #expect(output.outputText == "done\n", "\(stage)")
                }
                _ = try await service.fired()
                let after = try await service.warm(2)
                #expect(after.isWithinWarm(before), "\(stage): \(before), then \(after)")
            }
        }

        enum Fault: CaseIterable {
            case fails, ends, hangs

            var action: FaultAction {
                switch self {
                case .fails: .fail
                case .ends: .kill
                case .hangs: .hang
                }
            }
        }

        /// Steps that an older kernel does not have to offer.
        private static let optional: Set<LaunchStage> = [.initMemoryFiles, .commandMemory]

        @Test(arguments: Fault.allCases)
        func `of sandbox-init and of the command's process`(_ fault: Fault) async throws {
            let directory = TemporaryDirectory()
            try directory.write("every-step.yaml", Self.policy)
            let service = try await RecoveringService(
                ["--warm", "0", "--policy-file", "\(directory.path)/every-step.yaml"])
            var request = Crash.request(service)
            request.policy = "every-step"
            request.terminal = TerminalSize(columns: 80, rows: 24)
            // What fails is told whenever a busy host comes to it.
            if fault == .hangs { request.limits = Limits(wallMilliseconds: 150, graceMilliseconds: 0) }
            for stage in LaunchStage.allCases where stage.rawValue >= 100 {
                let client = try await service.client()
                service.page.arm(.sandbox(stage.rawValue, stage.name), fault.action, errno: EIO)
                try await expect(fault, at: stage) { try await client.run(request).result.outcome.reason }
            }
            let footprint = try await service.idle()
            #expect(footprint.isIdle, "\(footprint)")
            request.limits = Limits()
            #expect(try await service.client().run(request).result.outcome.reason == .exited)
        }

        private func expect(
            _ fault: Fault, at stage: LaunchStage, _ run: () async throws -> Outcome.Reason
        ) async throws {
            do {
                let reason = try await run()
                if reason == .exited, Self.optional.contains(stage) { return }
                let expected: [Outcome.Reason] =
                    switch fault {
                    case .fails: []
                    case .ends: [.lost, .signaled]
                    case .hangs: [.wallTimeout]
                    }
                #expect(expected.contains(reason), "\(stage)")
            } catch let error as ServiceError {
                #expect(fault != .hangs && error.stage != nil, "\(stage): \(error)")
                // What ends before pid 1 has taken its listener is told as that; else nothing ends there but by a broken message.
                if stage == .commandReceive, error.stage == LaunchStage.initListener.name { return }
                if fault == .fails {
                    #expect(error.stage == stage.name && error.message.contains("EIO"), "\(stage): \(error)")
                }
            }
        }
    }
#endif
