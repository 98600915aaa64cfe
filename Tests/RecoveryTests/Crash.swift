import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

#if SANDBOX_FAULTS
    /// Who is killed when a process has come to a point.
    enum Victim: String, CaseIterable, CustomTestStringConvertible {
        /// Who came to it.
        case itself
        /// Of sandboxd and launcher the other one; who came to the point goes on.
        case other
        case both
        /// The other one; who came to the point is stopped, and stays so.
        case otherWhileItHangs

        var testDescription: String { rawValue }

        /// In the table.
        func name(_ point: FaultPoint) -> String {
            let (own, other) = point.place == .daemon ? ("sandboxd", "launcher") : ("launcher", "sandboxd")
            return switch self {
            case .itself: own
            case .other: other
            case .both: "both"
            case .otherWhileItHangs: "\(other); the \(own) hangs"
            }
        }
    }

    /// One crash of a service that is idle, its restart, and what is left at each of these moments.
    struct Crash {
        let service: RecoveringService
        let point: FaultPoint
        let victim: Victim

        /// What a client was told, and when.
        private struct Answer: Sendable {
            enum What: Sendable {
                case ended(Outcome.Reason)
                case failed(ServiceError)
                case unknown(String)
            }

            var what: What
            /// CLOCK_MONOTONIC, nanoseconds.
            var at: UInt64
        }

        /// Something of everything: a workspace, output, a process that outlives the command.
        static func request(_ service: RecoveringService) -> RunRequest {
            RunRequest(
                argv: ["sh", "-c", "echo here > file; sleep 60 & sleep 0.02; echo done"],
                workspace: service.workspace.path)
        }

        /// At a point of a launch.
        func duringLaunch() async throws {
            let before = try await service.idle()
            let client = try await service.client()
            service.page.arm(point, action)
            let request = Self.request(service)
            nonisolated(unsafe) let page = service.page
            let answer = Task {
                var answer = await Self.ask(client, request)
                // On a busy host a start is told with its end, or pid 1 ends before its end is told: that run did not come by.
                for _ in 0..<10 where page.pointee.firedAt == 0 { answer = await Self.ask(client, request) }
                return answer
            }
            let killedAt = try await kill()
            let left = try Self.left(service, since: killedAt)
            try service.restart()
            // Who is told nothing is told by this that he is to give up, which is no temporary error.
            let patience = Task {
                try await Task.sleep(for: .seconds(20))
                client.close()
            }
            let told = await answer.value
            patience.cancel()
            client.close()
            let served = try await serve(since: killedAt)
            try await checkNothingIsLeft(before)
            try check(told)
            RecoveryTable.add(
                point, victim, told: describe(told, since: killedAt), left: left, milliseconds: served)
        }

        /// At a point of a start: the one that is idle is ended first.
        func duringStart() async throws {
            let before = try await service.idle()
            Glibc.kill(service.daemon.pid, SIGKILL)
            _ = try await service.waitForEnd()
            service.page.arm(point, action)
            try service.restart()
            let killedAt = try await kill()
            let left = try Self.left(service, since: killedAt)
            try service.restart()
            let served = try await serve(since: killedAt)
            try await checkNothingIsLeft(before)
            RecoveryTable.add(point, victim, told: "-", left: left, milliseconds: served)
        }

        private var action: FaultAction {
            switch victim {
            case .itself: .kill
            case .other, .both: .stop
            case .otherWhileItHangs: .hang
            }
        }

        private static func ask(_ client: SandboxClient, _ request: RunRequest) async -> Answer {
            do {
                let result = try await client.run(request).result
                return Answer(what: .ended(result.outcome.reason), at: monotonicNanoseconds())
            } catch let error as ServiceError {
                return Answer(what: .failed(error), at: monotonicNanoseconds())
            } catch {
                return Answer(what: .unknown("\(error)"), at: monotonicNanoseconds())
            }
        }

        /// Kills when the point is reached, and waits for the end of sandboxd. Returns when.
        private func kill() async throws -> UInt64 {
            let (pid, firedAt) = try await service.fired()
            var killedAt = firedAt
            if victim != .itself {
                if action == .stop { try await service.stopped(pid) }
                let other = point.place == .daemon ? try launcherNow() : service.daemon.pid
                killedAt = monotonicNanoseconds()
                Glibc.kill(other, SIGKILL)
                switch victim {
                case .both: Glibc.kill(pid, SIGKILL)
                case .other: Glibc.kill(pid, SIGCONT)
                case .itself, .otherWhileItHangs: break
                }
            }
            // A sandboxd without a launcher ends by itself.
            let status = try await service.waitForEnd()
            #expect([69, 70, 128 + SIGKILL].contains(status), "\(point), \(victim): sandboxd ended with \(status)")
            return killedAt
        }

        private func launcherNow() throws -> Int32 {
            let children = try wholeFile("/proc/\(service.daemon.pid)/task/\(service.daemon.pid)/children")
            return try #require(children.split(separator: " ").compactMap { Int32($0) }.first)
        }

        /// What there is when sandboxd has just ended.
        static func left(_ service: RecoveringService, since killedAt: UInt64) throws -> String {
            let after = milliseconds(since: killedAt)
            let (processes, groups) = (try service.traces.processes(), service.traces.groups())
            return "\(processes.count) processes, \(groups.count) groups after \(tenths(after)) ms"
        }

        /// Until the next one has answered a whole run, in milliseconds.
        private func serve(since killedAt: UInt64) async throws -> Double {
            let output = try await service.run()
            #expect(output.outputText == "done\n", "\(point), \(victim): \(output.result.outcome)")
            return milliseconds(since: killedAt)
        }

        private func checkNothingIsLeft(_ before: Footprint) async throws {
            try await service.becomeIdle()
            let isClean = try await eventually { try Footprint(service).isWithin(before) }
            if !isClean {
                let now = try Footprint(service)
                Issue.record("\(point), \(victim): \(before), then \(now)\n\(service.log)")
            }
        }

        private func check(_ told: Answer) throws {
            switch told.what {
            case .failed(let error):
                let codes: [ServiceError.Code] = [.notConnected, .launcherGone, .draining]
                #expect(codes.contains(error.code) && error.category == .temporary, "\(point), \(victim): \(error)")
            case .ended(.lost): break
            case .ended(let reason):
                #expect(isEndKnown && reason == .exited, "\(point), \(victim): \(reason)")
            case .unknown(let text): Issue.record("\(point), \(victim): \(text)")
            }
        }

        /// sandboxd may know how the command ended, and live long enough to say so.
        private var isEndKnown: Bool {
            let points: [FaultPoint] = [
                .daemon(.endTaken), .daemon(.answerHalfWritten), .launcher(.endTold), .launcher(.beforeRemoval),
                // While it was stopped there, on a busy host for long, the launcher may have said everything.
                .daemon(.requestSent), .daemon(.startTaken),
            ]
            return points.contains(point)
        }

        private func describe(_ told: Answer, since: UInt64) -> String {
            let after = told.at > since ? tenths(Double(told.at - since) / 1e6) : "0"
            return switch told.what {
            case .failed(let error): "`\(error.code.rawValue)` after \(after) ms"
            case .ended(let reason): "result `\(reason.rawValue)` after \(after) ms"
            case .unknown(let text): text
            }
        }
    }

    /// What a service without a run holds of the host.
    struct Footprint: CustomStringConvertible {
        var daemonDescriptors: Int
        var launcherDescriptors: Int
        var processes: Set<Traces.Process>
        var groups: Set<String>
        /// Directories of launchers that do not live any more.
        var abandoned: [String]
        var mounts: Set<String>
        private let workspace: String
        /// Asked for when all else is right: it looks at the mounts of every process of the host.
        var holders: [Int32] { (try? Traces.holders(of: workspace)) ?? [] }

        init(_ service: RecoveringService) throws {
            daemonDescriptors = try Traces.descriptors(service.daemon.pid)
            launcherDescriptors = try Traces.descriptors(service.launcher)
            processes = try service.traces.processes()
            groups = service.traces.groups()
            abandoned = service.traces.abandoned()
            mounts = try hostMounts()
            workspace = service.workspace.path
        }

        /// Nothing but what a service has always.
        var isIdle: Bool { processes.count == 2 && groups.isEmpty && abandoned.isEmpty && holders.isEmpty }

        /// Whether there is no more than there was: as many processes, of the same names, and nothing else at all.
        func isWithin(_ before: Footprint) -> Bool {
            daemonDescriptors <= before.daemonDescriptors + 2 && launcherDescriptors <= before.launcherDescriptors + 4
                && processes.map(\.name).sorted() == before.processes.map(\.name).sorted()
                && groups.count <= before.groups.count && abandoned.isEmpty && mounts == before.mounts
                && holders.isEmpty
        }

        /// The same of a service with sandboxes that wait: it keeps some groups, and their files, for others.
        func isWithinWarm(_ before: Footprint) -> Bool {
            daemonDescriptors <= before.daemonDescriptors + 2
                && processes.map(\.name).sorted() == before.processes.map(\.name).sorted()
                && groupNames.count <= before.processes.count / 2 + Self.mostIdleGroups && abandoned.isEmpty
                && mounts == before.mounts && holders.isEmpty
        }

        private static let mostIdleGroups = 8

        var groupNames: Set<Substring> { Set(groups.compactMap { $0.split(separator: "/").last }) }

        var description: String {
            let names = processes.map { "\($0.name) \($0.pid)" }.sorted().joined(separator: ", ")
            return "descriptors \(daemonDescriptors) and \(launcherDescriptors), processes [\(names)], groups "
                + "\(groups.sorted()), abandoned \(abandoned), \(mounts.count) mounts, workspace held by \(holders)"
        }
    }

    func tenths(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
#endif
