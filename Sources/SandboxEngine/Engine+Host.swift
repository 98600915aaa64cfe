import LaunchPlan
package import SandboxModel

extension Engine {
    /// What the launcher found of the host's resource control.
    package func host() -> HostReport { HostReport(resources) }
}

extension HostReport {
    init(_ resources: ResourceControl) {
        var findings = [Finding(name: "cgroup", isFound: resources.version != 0, detail: resources.name)]
        if resources.version == 1 {
            findings[0].remedy =
                "boot with systemd.unified_cgroup_hierarchy=1: cgroup v2 can limit what v1 cannot, and is cheaper for each run"
        }
        // With root every host that is served has these: the launcher does not start without them.
        for (feature, name, limit) in [
            (ResourceControl.Features.memoryLimit, "memory-limit", "limits.memory"),
            (.cpuLimit, "cpu-limit", "limits.cpus"),
        ] {
            let isFound = resources.features.contains(feature)
            findings.append(
                Finding(
                    name: name, isFound: isFound,
                    detail: "\(limit) \(isFound ? "holds" : "does not hold") for a whole run"))
        }
        findings.append(Finding(name: "process-limit", isFound: true, detail: "limits.processes holds for a whole run"))
        findings += Feature.all.map { feature in
            let isFound = resources.features.contains(feature.feature)
            return Finding(
                name: feature.name, isFound: isFound, detail: isFound ? feature.found : feature.lacking,
                remedy: isFound ? nil : feature.remedy)
        }
        self.init(findings: findings)
    }

    private struct Feature {
        var feature: ResourceControl.Features
        var name: String
        var found: String
        var lacking: String
        /// `nil`: nothing need be done.
        var remedy: String?

        init(
            _ feature: ResourceControl.Features, _ name: String, found: String, lacking: String, remedy: String? = nil
        ) {
            self.feature = feature
            self.name = name
            self.found = found
            self.lacking = lacking
            self.remedy = remedy
        }

        private static let unified = "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1)"
        private static let ioController = "enable the io controller for the group that sandboxd is started in"

        static let all = [
            Feature(
                .swap, "swap-limit", found: "limits.swap holds for a whole run; without it a run gets no swap",
                lacking: "swap cannot be limited: a run that meets its memory limit may go on in the host's swap",
                remedy: "boot with swapaccount=1, or take the host's swap away"),
            Feature(
                .readRate, "read-rate", found: "limits.read-rate holds for a whole run",
                lacking: "reads from disks cannot be slowed down: a policy with limits.read-rate is refused",
                remedy: "\(ioController) (blkio on cgroup v1), in a kernel with CONFIG_BLK_DEV_THROTTLING"),
            Feature(
                .writeRate, "write-rate", found: "limits.write-rate holds for a whole run",
                lacking: "writes to disks cannot be slowed down: a policy with limits.write-rate is refused",
                remedy: "\(unified): v1 charges buffered writes to nobody; and \(ioController)"),
            Feature(
                .inputOutputUsage, "io-usage", found: "bytes from and to disks are counted while a run lives",
                lacking:
                    "bytes from and to disks are counted only for runs with a read-rate, and for the others when the command "
                    + "has ended by itself", remedy: "\(unified): on v1 it would cost every run, see limits.read-rate"),
            Feature(
                .memoryPeak, "memory-peak", found: "the kernel keeps the highest memory use of a run",
                lacking: "the highest memory use of a run is sampled: a short peak is missed",
                remedy: "a kernel from 5.19 on, with cgroup v2"),
            Feature(
                .processesPeak, "processes-peak", found: "the kernel keeps the highest number of a run's processes",
                lacking: "how many processes a run had at once is not known",
                remedy: "a kernel from 6.1 on"),
            Feature(
                .pressure, "pressure", found: "the time that a run waits for CPU, memory and I/O is counted",
                lacking: "how long a run waits for CPU, memory and I/O is not known",
                remedy: "\(unified), with a kernel that has CONFIG_PSI and was not booted with psi=0"),
            Feature(
                .kill, "group-kill", found: "all processes of a run are killed by one write (cgroup.kill)",
                lacking: "a run is killed by the end of its pid 1, which takes all its processes along"),
            Feature(
                .memoryGroupKill, "memory-group-kill",
                found: "a kill for memory takes all processes of a run at once (memory.oom.group)",
                lacking: "after a kill for memory the launcher ends the run's other processes, some milliseconds later"),
            Feature(
                .birth, "birth-in-group", found: "a run's first process is born in its group (CLONE_INTO_CGROUP)",
                lacking: "a run's first process is moved into its group before it executes anything"),
        ]
    }
}
