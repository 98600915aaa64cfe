/// What came of an attempt, as its maker sees it.
public enum Verdict: Sendable, Equatable {
    /// Refused, with the error or the reason.
    case stopped(String)
    /// Got what it must not get, or got through to a part of the kernel that a sandbox must keep closed.
    case escaped(String)
    /// This host has nothing to attack.
    case absent(String)
    /// The attempt itself failed: neither yes nor no.
    case error(String)

    public var word: String {
        switch self {
        case .stopped: "stopped"
        case .escaped: "escaped"
        case .absent: "absent"
        case .error: "error"
        }
    }

    public var detail: String {
        switch self {
        case .stopped(let text), .escaped(let text), .absent(let text), .error(let text): text
        }
    }

    public init?(word: String, detail: String) {
        switch word {
        case "stopped": self = .stopped(detail)
        case "escaped": self = .escaped(detail)
        case "absent": self = .absent(detail)
        case "error": self = .error(detail)
        default: return nil
        }
    }
}

/// One way out that is tried: by the probe inside a sandbox, and by the same code without one.
public struct Attempt: Sendable {
    /// Its mechanism, in a word.
    public let name: String
    /// The failure elsewhere that it stands for, or the class of mechanism.
    public let origin: String
    /// What it does.
    public let tries: String
    /// Why it is stopped also without a sandbox, where it is.
    public let heldAnyway: String?
    let body: @Sendable (Surroundings) -> Verdict

    init(
        _ name: String, _ origin: String, _ tries: String, heldAnyway: String? = nil,
        _ body: @escaping @Sendable (Surroundings) -> Verdict
    ) {
        self.name = name
        self.origin = origin
        self.tries = tries
        self.heldAnyway = heldAnyway
        self.body = body
    }

    /// The same, known to be stopped also without a sandbox.
    func heldAnyway(_ reason: String?) -> Attempt { Attempt(name, origin, tries, heldAnyway: reason, body) }

    /// All of them, by area: each area is tried in a sandbox of its own.
    public static let areas: [(name: String, attempts: [Attempt])] = [
        ("Privileges", privileges), ("Namespaces", namespaces), ("Mounts", mounts + newMountAPI),
        ("Files of processes", processFiles), ("Files of the kernel", kernelFiles), ("Devices and terminals", devices),
        ("Control groups", controlGroups), ("Sockets", sockets), ("Services of the host", hostServices),
        ("Between processes", interProcess), ("Processes of the sandbox", processes),
        ("Processes of the host", otherProcesses), ("Descriptors and paths", descriptors), ("Files", files),
        ("Set-user-ID files", specialModes), ("The kernel's surface", kernelSurface + kernelSurfaceRest),
        ("Other ABIs", otherABIs), ("Ceilings", ceilings),
    ]
    public static let all: [Attempt] = areas.flatMap(\.attempts)

    public static func named(_ name: String) -> Attempt? { all.first { $0.name == name } }
}

/// Where the host has put what must not be reached; the probe is told where, and never what it holds.
public struct Surroundings: Sendable {
    private let values: [String: String]

    public init(_ values: [String: String]) { self.values = values }

    /// A file outside of the workspace that anybody on the host may read.
    public var secretFile: String { values["ESCAPE_FILE"] ?? "/nonexistent" }
    /// A TCP port of the host's 127.0.0.1.
    public var port: UInt16 { values["ESCAPE_PORT"].flatMap { UInt16($0) } ?? 1 }
    public var abstractSocket: String { values["ESCAPE_ABSTRACT"] ?? "" }
    public var pathSocket: String { values["ESCAPE_SOCKET"] ?? "/nonexistent" }
    /// A process of the host, and a word of its arguments.
    public var process: Int { values["ESCAPE_PID"].flatMap { Int($0) } ?? 999_999 }
    public var marker: String { values["ESCAPE_MARKER"] ?? "no marker" }
    /// Key of a System V segment, a queue and a semaphore.
    public var key: Int { values["ESCAPE_KEY"].flatMap { Int($0) } ?? 1 }
    /// Name of a POSIX queue and of a file in /dev/shm.
    public var name: String { values["ESCAPE_NAME"] ?? "none" }
    /// Descriptors that the probe was started with, beside the standard ones: none is right.
    public var program: String { values["ESCAPE_PROGRAM"] ?? "/proc/self/exe" }
}
