import FoundationEssentials
import Glibc
import LaunchPlan

/// The body of `POST /containers/create`: a policy in the engine's words. What an image's own configuration says of user, entry
/// point, volumes, health checks and stop signals is overridden here, each by name.
struct ContainerCreation: Encodable, Equatable {
    var image: String
    var user: String
    var entrypoint: [String]
    var cmd: [String] = []
    var workingDir = "/"
    var env: [String] = []
    var hostname = "sandbox"
    var labels: [String: String]
    var healthcheck = Healthcheck()
    var stopSignal = "SIGKILL"
    var tty = false
    var openStdin = false
    var networkDisabled = false
    var hostConfig: HostConfig

    struct Healthcheck: Encodable, Equatable {
        var test = ["NONE"]
    }

    struct Mount: Encodable, Equatable {
        var type = "bind"
        var source: String
        var target: String
        var readOnly = true
    }

    struct Limit: Encodable, Equatable {
        var name: String
        var soft: Int64
        var hard: Int64
    }

    struct Restart: Encodable, Equatable {
        var name = "no"
    }

    /// What of /proc and /sys tells about the host or reaches its hardware: as in a sandbox of the launcher's own.
    fileprivate static let masked = [
        "/proc/acpi", "/proc/asound", "/proc/bus", "/proc/cmdline", "/proc/config.gz", "/proc/diskstats",
        "/proc/driver", "/proc/fs", "/proc/interrupts", "/proc/iomem", "/proc/ioports", "/proc/irq", "/proc/kallsyms",
        "/proc/kcore", "/proc/key-users", "/proc/keys", "/proc/kmsg", "/proc/latency_stats", "/proc/modules",
        "/proc/partitions", "/proc/pressure", "/proc/sched_debug", "/proc/scsi", "/proc/sysrq-trigger",
        "/proc/timer_list", "/proc/timer_stats", "/sys",
    ]

    struct LogConfig: Encodable, Equatable {
        var type = "none"
    }

    /// What is not here is the engine's default, which of all that a policy could not give is "none": no devices, no host
    /// namespaces, no added capabilities, not privileged.
    struct HostConfig: Encodable, Equatable {
        var networkMode: String
        var ipcMode = "private"
        var cgroupnsMode = "private"
        var readonlyRootfs = true
        var capDrop = ["ALL"]
        var securityOpt: [String]
        var privileged = false
        var restartPolicy = Restart()
        /// The engine removes it when it has ended, whatever has become of this process.
        var autoRemove = true
        var logConfig = LogConfig()
        var memory: Int64
        var memorySwap: Int64
        var nanoCpus: Int64
        var pidsLimit: Int64
        var oomScoreAdj: Int
        var ulimits: [Limit]
        var maskedPaths = ContainerCreation.masked
        var readonlyPaths = ["/proc/sys"]
        var tmpfs: [String: String]
        var mounts: [Mount]
    }

    static let ownerLabel = "io.sandboxd.owner"
    static let makerLabel = "io.sandboxd.maker"
    static let orderLabel = "io.sandboxd.order"
    static let policyLabel = "io.sandboxd.policy"
    static let runLabel = "io.sandboxd.run"
    static let tenantLabel = "io.sandboxd.tenant"

    func encoded() throws(EngineFailure) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // The engine's names begin with a capital letter.
        encoder.keyEncodingStrategy = .custom { path in
            let key = path.last?.stringValue ?? ""
            return EngineKey(key.prefix(1).uppercased() + key.dropFirst())
        }
        do {
            return Array(try encoder.encode(self))
        } catch {
            throw .incomprehensible("\(error)")
        }
    }
}

extension ContainerCreation {
    /// - Parameters:
    ///   - image: as the engine has it at this moment, by id.
    ///   - maker: the process that asks for it.
    ///   - settings: the owner, and the host's path of sandbox-init.
    ///   - processors: how many the host has.
    init(
        _ order: ContainerOrder, _ specification: ContainerSpecification, image: EngineAPI.Image, maker: String,
        settings: ContainerSettings, processors: Int = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    ) throws(EngineFailure) {
        let policy = specification.policy
        let limits = policy.maximum
        let memory = max(limits.memoryBytes, Self.leastMemory)
        var labels = [
            Self.ownerLabel: settings.owner, Self.makerLabel: maker, Self.orderLabel: "\(order.number)",
            Self.policyLabel: policy.name,
        ]
        if !order.run.isEmpty { labels[Self.runLabel] = order.run }
        if let tenant = order.tenant { labels[Self.tenantLabel] = "\(tenant)" }
        self.init(
            image: image.id, user: "\(order.user.uid):\(order.user.gid)", entrypoint: ["/.sandbox/init"],
            labels: labels,
            hostConfig: HostConfig(
                networkMode: policy.container?.network ?? "none",
                securityOpt: ["no-new-privileges=true"]
                    + (specification.profile.isEmpty ? [] : ["seccomp=\(specification.profile)"]),
                memory: Int64(clamping: memory), memorySwap: Int64(clamping: memory.saturatingAdd(limits.swapBytes)),
                nanoCpus: Self.nanoseconds(limits, processors),
                // sandbox-init is one of them.
                pidsLimit: min(Int64(limits.processes) + 1, Self.mostProcesses),
                oomScoreAdj: 500,
                ulimits: Self.ulimits(limits),
                tmpfs: try Self.temporary(policy, image, for: order.user),
                mounts: [
                    Mount(source: settings.initPath, target: "/.sandbox/init"),
                    Mount(source: order.socket, target: "/.sandbox/socket"),
                ]))
    }

    // The engine refuses what is out of its range, also where it is no more than the host has. The launcher writes the very values
    // into the container's cgroup, before there is a command in it.
    private static let leastMemory: UInt64 = 6 << 20
    private static let leastProcessors: Int64 = 10_000_000
    /// The kernel's PID_MAX_LIMIT.
    private static let mostProcesses: Int64 = 4_194_304

    private static func nanoseconds(_ limits: LaunchLimits, _ processors: Int) -> Int64 {
        let most = Int64(max(processors, 1)) * 1_000_000_000
        return min(max(Int64(limits.cpuMillicores) * 1_000_000, leastProcessors), most)
    }

    private static func ulimits(_ limits: LaunchLimits) -> [Limit] {
        func limit(_ name: String, _ value: UInt64) -> Limit {
            Limit(name: name, soft: Int64(clamping: value), hard: Int64(clamping: value))
        }
        // Of CPU time none: sandbox-init gives it to the command alone.
        return [
            limit("nofile", UInt64(limits.openFiles)), limit("fsize", limits.fileSizeBytes), limit("core", 1),
            limit("msgqueue", 128 << 10), limit("sigpending", 512),
        ]
    }

    /// What can be written, all of it in the run's own memory. Where the image has a volume the engine would make a directory of the
    /// host's, without a limit: there is an empty one, which nobody can write to.
    private static func temporary(
        _ policy: CompiledPolicy, _ image: EngineAPI.Image, for user: ContainerPlan.User
    ) throws(EngineFailure) -> [String: String] {
        let execute = policy.executesWritten ? "exec" : "noexec"
        func options(_ bytes: UInt64, _ inodes: UInt64?) -> String {
            let inodes = inodes ?? MemoryFiles.inodes(ofBytes: bytes)
            // The command's own: where the image has a directory, runc gives its mode to what is mounted on it, whatever is said here.
            return
                "rw,nosuid,nodev,\(execute),mode=1777,uid=\(user.uid),gid=\(user.gid),size=\(bytes),nr_inodes=\(inodes)"
        }
        var mounts: [String: String] = [:]
        let volumes = image.config?.volumes?.keys.sorted() ?? []
        guard volumes.count <= mostVolumes else { throw .imageUnfit("the image has \(volumes.count) volumes") }
        for volume in volumes {
            guard let path = coverable(volume) else {
                throw .imageUnfit("the image has a volume at '\(volume.prefix(80))', which cannot be covered")
            }
            mounts[path] = "ro,nosuid,nodev,noexec,mode=755,size=4096"
        }
        let size = policy.maximum.workspaceBytes ?? policy.maximum.tmpBytes ?? policy.tmpBytes
        mounts["/sandbox/workspace"] = options(size, policy.maximum.workspaceInodes)
        mounts["/tmp"] = options(policy.tmpBytes, nil)
        mounts["/dev/shm"] = options(policy.shmBytes, nil)
        return mounts
    }

    /// Each is a file system.
    private static let mostVolumes = 64

    /// A volume's path as the engine compares it with those of other mounts, clean(1): "/data/" is not covered by what is mounted at
    /// "/data/". `nil` where covering it would hide what the container consists of, or where nobody can say what it names.
    private static func coverable(_ path: String) -> String? {
        guard path.utf8.first == UInt8(ascii: "/"), !path.contains(":"), !path.contains(","), path.printable == path
        else { return nil }
        let parts = path.split(separator: "/").filter { $0 != "." }
        guard let first = parts.first, !parts.contains("..") else { return nil }
        let clean = "/" + parts.joined(separator: "/")
        let isOwn = ["proc", "sys", "dev", "sandbox", ".sandbox"].contains(first)
        return isOwn && clean != "/dev/shm" && clean != "/sandbox/workspace" ? nil : clean
    }
}

extension UInt64 {
    /// The most there is instead of an overflow.
    fileprivate func saturatingAdd(_ other: UInt64) -> UInt64 {
        let (sum, isTooMuch) = addingReportingOverflow(other)
        return isTooMuch ? .max : sum
    }
}
