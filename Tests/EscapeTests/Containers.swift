import EscapeAttempts
import SandboxTestSupport
import Testing

/// What is otherwise where the service's sandboxes are containers (`SANDBOX_BACKEND=docker`): by name, each with its reason.
/// Backends.md beside sandbox-docker has the same as a table for users.
enum Containers {
    /// What cannot be tried there. Skipped, and never counted as stopped.
    static let untried: [String: String] = [
        "host-homes": "an image has directories of these names, and they are its own",
        "empty-read": "filesystem.read with an image is refused when the policy is read",
        "hidden-path": "filesystem.hide with an image is refused when the policy is read",
        "empty-execute": "commands.execute with an image is refused when the policy is read",
        "way-standalone": "an ordinary user's sandboxes come from no engine",
    ].merging(
        [
            "direct", "from-a-shell", "link", "link-by-listed-name", "proc-root", "proc-descriptor", "descriptor",
            "path-descriptor", "execveat", "loader", "loader-from-a-shell", "working-directory", "posix-spawn",
            "set-group-of-others",
        ].map { ("exec-\($0)", "without commands.execute a program of the image's may be executed") },
        uniquingKeysWith: { first, _ in first })

    /// What is open there besides, and known to be; the suite fails when one of them closes and is still listed here.
    static let knownOpen: [String: String] = [
        "host-user":
            "an engine's containers have no user namespace of their own: a number that nobody else has, never 0",
        "host-mount-table": "mount points of /sys are named there; what is below is covered",
        "proc-1-visible": "the engine mounts /proc without hidepid",
        "proc-1-task": "the engine mounts /proc without hidepid",
        "cgroup-of-pid1": "the engine mounts /proc without hidepid; the group's name is / in a namespace of its own",
        "timer-slack-of-pid1": "the file can be opened; to read or write it takes a capability",
        "priority-of-pid1": "pid 1 has the command's uid; who harms it ends the own run",
        "processors-of-pid1": "pid 1 has the command's uid; who harms it ends the own run",
        "inotify-instances":
            "without a user namespace the number's own supply, which is not root's (supply-inotify-instances)",
    ]

    /// Open natively, and not in a container.
    static let closed: Set = ["futex-of-host"]

    /// The reason why an attempt or a case is open, with this backend.
    static func reason(_ name: String, natively: [String: String]) -> String? {
        guard Backend.current == .docker else { return natively[name] }
        return knownOpen[name] ?? (closed.contains(name) ? nil : natively[name])
    }

    /// Ends a test case that has nothing to say with this backend.
    static func skip(_ name: String) throws {
        guard Backend.current == .docker, let reason = untried[name] else { return }
        try Test.cancel("\(name): \(reason)")
    }

    static func isTried(_ name: String) -> Bool { Backend.current == .native || untried[name] == nil }
}
