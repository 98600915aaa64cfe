import Glibc
import LinuxSystem

/// The cgroups of a process as the host sees them, on v1 as on v2.
struct GroupFiles {
    /// Absolute paths: by controller on v1, under "" on v2.
    private var paths: [String: String] = [:]

    init(of pid: Int32) throws {
        let mounts = try MountTable.read().filter { $0.type == "cgroup" || $0.type == "cgroup2" }
        for line in try wholeFile("/proc/\(pid)/cgroup").split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            for controller in fields[1].split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
                let mount = mounts.first {
                    controller.isEmpty ? $0.type == "cgroup2" : $0.type == "cgroup" && $0.options.contains(controller)
                }
                if let mount { paths[controller] = mount.path + String(fields[2]) }
            }
        }
    }

    /// The directory where a controller is in force.
    func directory(_ controller: String, version: UInt8) -> String { paths[version == 2 ? "" : controller] ?? "" }

    /// A file of the group; empty when there is none.
    func read(_ controller: String, _ file: String, version: UInt8) -> String {
        let text = (try? Directory(directory(controller, version: version)).read(file)) ?? ""
        return String(text.prefix { $0 != "\n" })
    }

    /// All directories, for seeing whether they are still there.
    var all: [String] { Array(paths.values) }
}

extension LauncherHarness {
    /// pid 1, on the host, of the one sandbox that lives.
    func initProcess() throws -> Int32 {
        let children = try wholeFile("/proc/\(pid)/task/\(pid)/children").split(separator: " ").compactMap { Int32($0) }
        // The builders of templates are children too, and in no group of their own.
        for child in children where try GroupFiles(of: child).all.contains(where: { $0.contains("/run-") }) {
            return child
        }
        throw HarnessError.unexpected("no sandbox among \(children)")
    }
}
