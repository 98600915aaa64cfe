import SandboxModel
import SandboxPolicy
import Testing

@testable import sandboxctl_verbs

/// `doctor` without a service, on hosts that are texts.
@Suite struct HostCheckTests {
    private static let unified = HostFacts.Mount(path: "/sys/fs/cgroup", type: "cgroup2", options: ["rw"])

    private static func split(_ controllers: String...) -> [HostFacts.Mount] {
        controllers.map { HostFacts.Mount(path: "/cg/\($0)", type: "cgroup", options: ["rw", $0]) }
    }

    private func host(
        release: String = "6.1.0-13-amd64", uid: UInt32 = 0, mounts: [HostFacts.Mount], groups: String,
        swaps: String? = "Filename\tType\n", landlock: Int32? = 2, files: [String: String] = [:]
    ) -> [String: HostReport.Finding] {
        let facts = HostFacts(
            release: release, machine: "x86_64", uid: uid, mounts: mounts, ownGroups: groups, swaps: swaps,
            landlock: landlock, read: { files[$0] })
        let findings = HostChecks.findings(of: facts)
        #expect(findings.allSatisfy { !$0.isFound || $0.remedy == nil }, "nothing to be done about what is there")
        return Dictionary(uniqueKeysWithValues: findings.map { ($0.name, $0) })
    }

    private static let splitGroups = "4:memory:/m\n3:pids:/\n2:cpu,cpuacct:/\n1:blkio:/\n0::/\n"

    @Test func unifiedHierarchy() {
        let found = host(
            mounts: [Self.unified], groups: "0::/system.slice/x.service\n",
            files: [
                "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
                "/sys/fs/cgroup/system.slice/x.service/cgroup.type": "domain\n",
                "/sys/fs/cgroup/system.slice/x.service/memory.swap.max": "max\n", "/proc/pressure/cpu": "some\n",
                "/proc/sys/fs/quota/lookups": "0\n",
            ])
        #expect(found["cgroup"]?.detail == "v2 is used, with memory, pids, cpu, io")
        #expect(found.values.allSatisfy { $0.isFound })
        #expect(HostChecks.isSufficient(Array(found.values)))
    }

    @Test func unifiedHierarchyWithoutSwapAccounting() {
        let swaps = "Filename\tType\n/dev/vda2\tpartition\n"
        let found = host(
            mounts: [Self.unified], groups: "0::/a\n", swaps: swaps,
            files: [
                "/sys/fs/cgroup/cgroup.controllers": "cpu memory pids", "/sys/fs/cgroup/a/cgroup.type": "domain\n",
            ])
        #expect(found["swap-limit"]?.isFound == false && found["swap-limit"]?.remedy?.contains("swapaccount") == true)
        #expect(found["write-rate"]?.isFound == false && found["pressure"]?.isFound == false)
        // The root group has no limits to be looked at.
        let root = host(
            mounts: [Self.unified], groups: "0::/\n", swaps: swaps,
            files: ["/sys/fs/cgroup/cgroup.controllers": "cpu memory pids"])
        #expect(root["swap-limit"]?.isFound == true)
    }

    @Test func splitHierarchyBesideAnEmptyUnifiedOne() {
        let found = host(
            mounts: Self.split("memory", "pids", "cpu", "cpuacct", "blkio") + [Self.unified], groups: Self.splitGroups,
            files: [
                "/sys/fs/cgroup/cgroup.controllers": "", "/cg/memory/m/memory.memsw.limit_in_bytes": "1",
                "/cg/blkio/blkio.throttle.read_bps_device": "", "/proc/pressure/cpu": "some\n",
            ])
        #expect(
            found["cgroup"]?.detail
                == "v1 is used, with memory, pids, cpu, cpuacct, blkio; v2 is mounted too, without them")
        #expect(found["swap-limit"]?.isFound == true && found["read-rate"]?.isFound == true)
        #expect(found["write-rate"]?.isFound == false && found["write-rate"]?.remedy != nil)
        #expect(found["pressure"]?.isFound == false)
        #expect(HostChecks.isSufficient(Array(found.values)))
    }

    @Test func whatIsMissingIsSaid() {
        let none = host(mounts: Self.split("memory"), groups: Self.splitGroups)
        #expect(none["cgroup"]?.isFound == false && none["cgroup"]?.detail.contains("pids, cpu") == true)
        #expect(!HostChecks.isSufficient(Array(none.values)))
        let old = host(
            release: "5.10.0", uid: 1000, mounts: Self.split("memory", "pids", "cpu"), groups: Self.splitGroups,
            landlock: nil)
        for name in ["kernel", "root", "landlock"] {
            #expect(old[name]?.isFound == false && old[name]?.remedy != nil, "\(name)")
            #expect(!HostChecks.isSufficient([old[name]].compactMap { $0 }))
        }
        #expect(host(release: "10.0", mounts: [], groups: "")["kernel"]?.isFound == true)
        #expect(host(release: "6.0.9", mounts: [], groups: "")["kernel"]?.isFound == false)
        #expect(host(release: "odd", mounts: [], groups: "")["kernel"]?.isFound == false)
    }

    @Test func besideAServiceOnlyWhatItDoesNotTell() {
        let facts = HostFacts(
            release: "6.1.0", machine: "x86_64", uid: 1000, mounts: [], ownGroups: "", swaps: nil, landlock: nil,
            read: { _ in nil })
        let told = ["cgroup", "swap-limit", "read-rate", "write-rate", "io-usage", "pressure"].map {
            HostReport.Finding(name: $0, isFound: true, detail: "")
        }
        let found = HostChecks.findings(of: facts, beside: told)
        // Landlock is not seen from here, and the service has it.
        #expect(found.map(\.name) == ["root", "kernel", "machine", "workspace-quota"])
        #expect(found[0].isFound && found[0].detail == "a service runs; user 1000 could not start one")
        #expect(found.map(HostChecks.mark) == ["yes", "yes", "yes", "less"])
        #expect(HostChecks.isSufficient(found + told))
        let alone = HostChecks.findings(of: facts)
        #expect(alone.filter { HostChecks.mark($0) == "NO" }.map(\.name).starts(with: ["root", "landlock", "cgroup"]))
        #expect(alone.first { $0.name == "pressure" }.map(HostChecks.mark) == "less")
    }

    @Test func rateThatTheHostCannotEnforce() throws {
        let inputs = [
            PolicyInput(
                name: "own", path: "dir/own.yaml",
                contents: Array("version: 1\nextends: default\nlimits: { write-rate: 1MiB }\n".utf8)),
            PolicyInput(name: "plain", path: "plain.yaml", contents: Array("version: 1\nextends: default\n".utf8)),
        ]
        let set = try PolicySet.check(inputs, over: PolicySet.builtIn()).get()
        func warnings(_ mounts: [HostFacts.Mount], _ files: [String: String]) -> [String] {
            let facts = HostFacts(
                release: "6.1.0", machine: "x86_64", uid: 0, mounts: mounts, ownGroups: Self.splitGroups, swaps: nil,
                landlock: 2, read: { files[$0] })
            return CheckPolicies.hostWarnings(in: set, of: inputs, facts).map(\.description)
        }
        let split = Self.split("memory", "pids", "cpu", "cpuacct", "blkio")
        let message =
            "'limits.write-rate': this host cannot enforce it: sandboxd refuses to serve the policy"
        #expect(warnings(split, [:]) == ["dir/own.yaml:3:11: warning: \(message)"])
        let controllers = ["/sys/fs/cgroup/cgroup.controllers": "cpu io memory pids"]
        #expect(warnings([Self.unified], controllers) == [])
    }

    @Test func thisHostCanBeLookedAt() throws {
        let findings = HostChecks.findings(of: try HostFacts.current())
        #expect(Set(findings.map(\.name)).isSuperset(of: HostChecks.needed))
    }
}
