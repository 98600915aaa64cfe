import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport

#if SANDBOX_FAULTS
    /// A service that can be killed at a point of a launch, and is started again as a service manager would: the same program with
    /// the same socket.
    final class RecoveringService {
        let directory = TemporaryDirectory()
        let workspace = TemporaryDirectory()
        let page: UnsafeMutablePointer<FaultPage>
        private let options: [String]
        private(set) var daemon: StartedProgram
        private(set) var launcher: Int32 = 0
        private(set) var traces: Traces
        private var hasEnded = false

        var socket: String { "\(directory.path)/sandboxd.sock" }

        init(_ options: [String] = ["--warm", "0"]) async throws {
            self.options = options
            let file = "\(directory.path)/faults"
            try directory.write("faults", String(repeating: "\0", count: FaultPage.bytes), mode: 0o600)
            guard let page = FaultPage.map(file) else { throw RecoveryError("no page of faults") }
            self.page = page
            traces = Traces(mark: "\(Fault.variable)=\(file)")
            daemon = try Self.spawn(directory, options, traces.mark)
            try await becomeIdle()
        }

        deinit {
            page.disarm()
            kill(daemon.pid, SIGTERM)
            if !hasEnded { daemon.wait() }
        }

        private static func spawn(
            _ directory: TemporaryDirectory, _ options: [String], _ mark: String
        ) throws -> StartedProgram {
            // A file: a daemon that outlived its test would keep the test run's own output open.
            let log = open("\(directory.path)/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
            defer {
                close(log)
                close(null)
            }
            let only = options.contains("--policy-file") ? [] : ["--only-policy", "default"]
            return try StartedProgram(
                [BuiltProducts.path("sandboxd"), "--socket", "\(directory.path)/sandboxd.sock"] + only + options,
                environment: ["PATH=/usr/bin:/bin", mark], descriptors: [null, log, log])
        }

        /// Starts it again, at once.
        func restart() throws {
            daemon = try Self.spawn(directory, options, traces.mark)
            hasEnded = false
        }

        /// Waits for the daemon's end: its status.
        func waitForEnd() async throws -> Int32 {
            var status: Int32 = 0
            let since = monotonicNanoseconds()
            while milliseconds(since: since) < 20_000 {
                if waitpid(daemon.pid, &status, WNOHANG) == daemon.pid {
                    hasEnded = true
                    return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f)
                }
                try await Task.sleep(for: .microseconds(500))
            }
            throw RecoveryError("sandboxd does not end: \(log)")
        }

        var log: String { (try? directory.read("log")) ?? "" }

        /// Connects as soon as somebody answers.
        func client() async throws -> SandboxClient {
            let since = monotonicNanoseconds()
            while milliseconds(since: since) < 20_000 {
                if let client = try? await SandboxClient.connect(socket: socket) { return client }
                try await Task.sleep(for: .milliseconds(1))
            }
            throw RecoveryError("sandboxd does not answer: \(log)")
        }

        /// A whole run, as soon as somebody serves it: on a slow host a probe may not end in its time.
        func run() async throws -> RunOutput {
            let since = monotonicNanoseconds()
            while true {
                do {
                    return try await client().run(Crash.request(self))
                } catch let error as ServiceError {
                    guard error.category == .temporary, milliseconds(since: since) < 20_000 else { throw error }
                }
                try await Task.sleep(for: .milliseconds(10))
            }
        }

        /// Waits until every policy is proven and no run is alive, and learns who the launcher is.
        func becomeIdle() async throws {
            _ = try await client().verify()
            let children = try wholeFile("/proc/\(daemon.pid)/task/\(daemon.pid)/children")
            guard let launcher = children.split(separator: " ").compactMap({ Int32($0) }).first else {
                throw RecoveryError("no launcher: \(log)")
            }
            self.launcher = launcher
            try traces.learn(launcher: launcher)
        }

        /// Without sandboxes that wait: when nothing is left of any run.
        func idle() async throws -> Footprint {
            var found = try Footprint(self)
            _ = try await eventually {
                found = try Footprint(self)
                return found.isIdle
            }
            return found
        }

        /// The launcher's other process, if there is one.
        func preparer() throws -> Int32? {
            let children = try wholeFile("/proc/\(launcher)/task/\(launcher)/children")
            return children.split(separator: " ").compactMap { Int32($0) }.first {
                (try? wholeFile("/proc/\($0)/comm")) == "sandbox-launche\n"
            }
        }

        /// Waits until so many sandboxes wait for a request, and nothing else is alive.
        func warm(_ count: UInt64) async throws -> Footprint {
            let client = try await client()
            let since = monotonicNanoseconds()
            while milliseconds(since: since) < 20_000 {
                if try await client.serviceStats().warm?.waiting["default"] == count {
                    // sandboxd, launcher, preparer; of each sandbox two.
                    let found = try Footprint(self)
                    if found.processes.count == 3 + 2 * Int(count) { return found }
                }
                try await Task.sleep(for: .milliseconds(5))
            }
            throw RecoveryError("there are no \(count) sandboxes ahead: \(try Footprint(self)) \(log)")
        }

        /// Waits until somebody has come to the armed point. Returns who, and when (CLOCK_MONOTONIC, nanoseconds).
        func fired() async throws -> (pid: Int32, at: UInt64) {
            let since = monotonicNanoseconds()
            while milliseconds(since: since) < 20_000 {
                if page.pointee.firedAt != 0 { return (page.pointee.pid, page.pointee.firedAt) }
                try await Task.sleep(for: .microseconds(500))
            }
            throw RecoveryError("nobody came to the point; \(log)")
        }

        /// Waits until a process has stopped itself.
        func stopped(_ pid: Int32) async throws {
            let since = monotonicNanoseconds()
            while milliseconds(since: since) < 20_000 {
                let stat = (try? wholeFile("/proc/\(pid)/stat")) ?? ""
                if let end = stat.lastIndex(of: ")"), stat[end...].hasPrefix(") T") { return }
                try await Task.sleep(for: .microseconds(200))
            }
            throw RecoveryError("process \(pid) has not stopped")
        }
    }

    struct RecoveryError: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }

    /// Waits until something is so, ten seconds at most. Returns whether it came to be.
    func eventually(_ condition: () throws -> Bool) async throws -> Bool {
        let since = monotonicNanoseconds()
        while true {
            if try condition() { return true }
            guard milliseconds(since: since) < 10_000 else { return false }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    func milliseconds(since: UInt64) -> Double { Double(monotonicNanoseconds() - since) / 1e6 }
#endif
