import Glibc
import LaunchPlan
import LinuxSystem
import SandboxClient
import SandboxTestSupport

/// What the sandboxes of one service are on the host: processes with its launcher's identities, and its cgroups.
struct SandboxTraces {
    private let uids: Range<UInt32>
    /// The launcher's directory in each hierarchy; it keeps them open.
    private let homes: [String]
    private let block: UInt32

    /// Sandboxes that a service of this fixture keeps ahead of requests.
    static let mostWaiting = 8
    /// Groups that it keeps for those that follow.
    static let mostIdleGroups = 8

    /// Waits first until the service has no run: after its start it probes its policies in the background.
    init(_ service: ServiceFixture) async throws {
        _ = try await service.client().verify()
        let launcher = try service.launcherPid()
        let targets = try Ran(["/bin/sh", "-c", "readlink /proc/\(launcher)/fd/*"]).output.split(separator: "\n")
        homes = Set(targets.map(String.init)).filter { path in
            path.hasPrefix("/sys/fs/cgroup/") && path.split(separator: "/").last?.hasPrefix("sandboxd-") == true
        }.sorted()
        guard let number = homes.first?.split(separator: "-").last, let block = UInt32(number) else {
            throw FixtureError.text("the launcher has no cgroups open: \(targets)")
        }
        self.block = block
        let first = SandboxIdentities.base + block * SandboxIdentities.blockSize
        uids = first..<first + SandboxIdentities.blockSize
        guard try await eventually({ try isIdle() }) else {
            throw FixtureError.text("a service without runs has sandboxes: \(try processes()), \(try groups())")
        }
    }

    /// Whether nothing is left of any run: no process of a command, and no more sandboxes than wait for the next requests.
    func isIdle() throws -> Bool {
        let names = Set(try groups().compactMap { $0.split(separator: "/").last })
        return try processes().isEmpty && names.count <= Self.mostWaiting + Self.mostIdleGroups
            && processes(ofInit: true).count <= 2 * Self.mostWaiting
    }

    /// Host pids of every process of a command, dead or alive, that is not reaped. What ends while it is looked at is left
    /// out, and so is who has such an identity without a process namespace of its own: another test outside of any sandbox.
    ///
    /// - Parameter ofInit: instead those of pid 1s and of processes that wait for their command.
    func processes(ofInit: Bool = false) throws -> [Int32] {
        try Directory("/proc").entries().compactMap { entry in
            guard let pid = Int32(entry), let status = try? wholeFile("/proc/\(pid)/status") else { return nil }
            return status.withCString { status in
                guard Self.fields("NSpid", of: status).count > 1,
                    Self.fields("Uid", of: status).contains(where: { UInt32($0).map(uids.contains) ?? false })
                else { return nil }
                // In a container the engine's runtime becomes `init`, which calls itself sandbox-init.
                let names = Backend.current == .docker ? ["sandbox-init\n", "init\n", "runc"] : ["sandbox-init\n"]
                let isInit = names.contains { name in
                    let line = "Name:\t\(name)"
                    return strncmp(status, line, line.utf8.count) == 0
                }
                return isInit == ofInit ? pid : nil
            }
        }
    }

    /// What a line of /proc/PID/status says. libc looks for it: this goes through all processes of the host, again and again,
    /// in a program that is not optimized.
    private static func fields(_ name: String, of status: UnsafePointer<CChar>) -> [Substring] {
        let start = "\n\(name):\t"
        guard let found = strstr(status, start) else { return [] }
        let from = found + start.utf8.count
        return String(decoding: UnsafeRawBufferPointer(start: from, count: strcspn(from, "\n")), as: UTF8.self)
            .split(separator: "\t")
    }

    /// Groups of single sandboxes, in all hierarchies; or their containers.
    func groups() throws -> [String] {
        if Backend.current == .docker {
            return try DockerEngine.containers(labelled: "io.sandboxd.owner=block-\(block)")
        }
        return try homes.flatMap { home in
            let directory = try Directory(home)
            return try directory.entries().filter { directory.has("\($0)/cgroup.procs") }.map { "\(home)/\($0)" }
        }
    }
}

/// Waits until something is so, ten seconds at most where `Slowness` says nothing else. Returns whether it came to be.
func eventually(_ condition: () throws -> Bool) async throws -> Bool {
    let until = ContinuousClock.now + .seconds(10 * Int(Slowness.factor))
    repeat {
        if try condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    } while ContinuousClock.now < until
    return try condition()
}
