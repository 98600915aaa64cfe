import CEscape
import Glibc

/// The command line of escape-probe.
public enum Probe {
    public static func run(_ arguments: [String]) {
        var names = arguments[...]
        if names.first == "--identity" {
            print("uid \(geteuid()) capabilities \(status("CapEff"))")
            return
        }
        // While it can be read: a process that has changed its user cannot look at itself.
        let surroundings = Surroundings(environment())
        if names.first == "--user" {
            names.removeFirst()
            guard let uid = names.popFirst().flatMap({ UInt32($0) }) else { fail("no uid") }
            guard setgroups(0, nil) == 0, setgid(uid) == 0, setuid(uid) == 0 else { fail("cannot become \(uid)") }
        }
        let isolated = names.first == "--isolated"
        if isolated {
            names.removeFirst()
            Isolation.enterProcessNamespace()
        }
        var attempts: [Attempt] = []
        for name in names {
            guard let attempt = Attempt.named(name) else { fail("no attempt \(name)") }
            attempts.append(attempt)
        }
        Runner.run(names.isEmpty ? Attempt.all : attempts, in: surroundings, isolated: isolated)
    }

    private static func environment() -> [String: String] {
        var values: [String: String] = [:]
        for variable in (readFile("/proc/self/environ") ?? "").split(separator: "\0") {
            let parts = variable.split(separator: "=", maxSplits: 1).map(String.init)
            if parts.count == 2, parts[0].hasPrefix("ESCAPE_") { values[parts[0]] = parts[1] }
        }
        return values
    }

    fileprivate static func fail(_ why: String) -> Never {
        let line = "escape-probe: \(why)\n"
        _ = line.withCString { write(2, $0, strlen($0)) }
        exit(2)
    }
}

/// What keeps attempts of root's from doing harm where nothing confines them.
enum Isolation {
    private static let privateMounts = 1 << 18 | 0x4000

    /// The rest of this program is pid 1 of a new namespace, with a /proc of its own; the first process waits for it.
    static func enterProcessNamespace() {
        guard call(__NR_unshare, Int(CLONE_NEWPID | CLONE_NEWNS)) == 0,
            call(__NR_mount, 0, text("/"), 0, privateMounts, 0) == 0
        else { Probe.fail("cannot isolate: \(errorName(Int(errno)))") }
        let pid = escape_fork()
        if pid == 0 {
            guard call(__NR_mount, text("proc"), text("/proc"), text("proc"), 0, 0) == 0 else {
                Probe.fail("cannot mount /proc")
            }
            return
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        exit(pid < 0 ? 2 : status >> 8 & 0xff)
    }

    /// One attempt's own mounts and host name.
    static func enterNamespaces() {
        guard call(__NR_unshare, Int(CLONE_NEWNS | CLONE_NEWUTS)) == 0,
            call(__NR_mount, 0, text("/"), 0, privateMounts, 0) == 0
        else { Probe.fail("cannot isolate an attempt: \(errorName(Int(errno)))") }
    }
}
