import Glibc
import LinuxSystem

/// A directory that an OCI runtime starts `/bin/true` from: an empty root with the host's /usr in it.
struct OCIBundle {
    private let path: String

    init(in scratch: ScratchDirectory) throws {
        path = try scratch.makeDirectory("bundle")
        let root = try scratch.makeDirectory("bundle/rootfs")
        for name in ["usr", "proc", "dev", "tmp"] { _ = try scratch.makeDirectory("bundle/rootfs/\(name)") }
        // Hosts have them as links into /usr, or the runtimes say what they miss.
        for name in ["lib", "lib64", "bin", "sbin"] {
            let link = "\(root)/\(name)"
            try system("link", link) { symlink("usr/\(name)", link) }
        }
        try scratch.write("bundle/config.json", Self.configuration)
    }

    func tool(_ name: String, _ program: String) -> Tool {
        Tool(name, Program(program, ["run", "--bundle", path, "sandbox-bench-\(getpid())"]))
    }

    /// What `runc spec` makes, without a terminal, and with memory and processes bounded as a sandbox has them.
    private static let configuration = """
        {
          "ociVersion": "1.0.2",
          "process": {
            "terminal": false, "user": { "uid": 0, "gid": 0 }, "args": ["/bin/true"], "cwd": "/",
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "noNewPrivileges": true,
            "capabilities": { "bounding": [], "effective": [], "permitted": [] },
            "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }]
          },
          "root": { "path": "rootfs", "readonly": true },
          "hostname": "sandbox",
          "mounts": [
            { "destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"] },
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
              "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
            { "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"] }
          ],
          "linux": {
            "namespaces": [
              { "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" },
              { "type": "cgroup" }
            ],
            "resources": { "memory": { "limit": 1073741824 }, "pids": { "limit": 256 } },
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
          }
        }
        """
}
