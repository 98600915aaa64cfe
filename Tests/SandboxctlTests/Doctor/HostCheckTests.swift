import Glibc
import SandboxModel
import SandboxPolicy
import Testing

@testable import sandboxctl_verbs

/// What `doctor` makes of its findings together, and of hosts that are odd.
@Suite struct HostCheckTests {
    private static let split = ["memory", "pids", "cpu", "cpuacct", "blkio"].map {
        HostFacts.Mount(path: "/cg/\($0)", type: "cgroup", options: ["rw", $0])
    }
    private static let unified = HostFacts.Mount(path: "/sys/fs/cgroup", type: "cgroup2", options: ["rw"])
    private static let splitGroups = "4:memory:/m\n3:pids:/\n2:cpu,cpuacct:/\n1:blkio:/\n0::/\n"

    private var splitHost: FakeHost {
        var host = FakeHost()
        host.rest.mounts = [host.rest.mounts[0]] + Self.split + [Self.unified]
        host.rest.ownGroups = Self.splitGroups
        host.files["/sys/fs/cgroup/cgroup.controllers"] = ""
        return host
    }

    // MARK: - Control groups

    @Test func unifiedHierarchy() {
        #expect(FakeHost().found["cgroup"]?.detail == "v2 is used, with memory, pids, cpu, io")
        // The root group has no limits to be looked at.
        var root = FakeHost()
        root.rest.ownGroups = "0::/\n"
        #expect(root.found["swap-limit"]?.found == true)
    }

    @Test func splitHierarchyBesideAnEmptyUnifiedOne() {
        var host = splitHost
        host.files["/cg/memory/m/memory.memsw.limit_in_bytes"] = "1"
        host.files["/cg/blkio/blkio.throttle.read_bps_device"] = ""
        let found = host.found
        #expect(
            found["cgroup"]?.detail
                == "v1 is used, with memory, pids, cpu, cpuacct, blkio; v2 is mounted too, without them")
        #expect(found["swap-limit"]?.found == true && found["read-rate"]?.found == true)
        #expect(found["write-rate"]?.found == false && found["write-rate"]?.remedy != nil)
        #expect(found["pressure"]?.found == false && found["group-kill"]?.mark == "less")
        // A process is born outside of a v1 group anyway.
        host.rest.calls[.cloneIntoCgroup] = ENOSYS
        #expect(host.found["clone-into-cgroup"]?.need == .useful)
    }

    @Test func limitsOfAllSandboxesTogetherOnV1() {
        var host = splitHost
        host.rest.units = nil
        host.files["/cg/memory/m/memory.limit_in_bytes"] = "268435456\n"
        host.files["/cg/memory/memory.limit_in_bytes"] = "9223372036854771712\n"
        host.files["/cg/pids/pids.max"] = "100"
        #expect(host.found["tree-memory"]?.detail == "memory.limit_in_bytes of /cg/memory/m is 256 MiB")
        #expect(host.found["tree-processes"]?.remedy == "echo max >/cg/pids/pids.max")
    }

    @Test func theGroupsAboveOneAreThoseUpToTheRoot() {
        #expect(Hierarchy.ancestry(of: "/r/a/b", root: "/r") == ["/r/a/b", "/r/a", "/r"])
        #expect(Hierarchy.ancestry(of: "/r", root: "/r") == ["/r"])
        #expect(Hierarchy.ancestry(of: "/elsewhere", root: "/r") == ["/elsewhere"])
        #expect(Hierarchy.ancestry(of: "", root: "/r") == [""])
    }

    // MARK: - The two questions

    @Test func whatTheServiceNeedsAndWhatAUserNeedsIsNotTheSame() {
        var host = FakeHost()
        host.rest.service = .absent
        host.rest.mounts.removeLast()
        let noGroups = Answers(host.findings, host.facts)
        #expect(!noGroups.service.possible && noGroups.service.missing == ["cgroup"])
        #expect(noGroups.standalone.possible && !noGroups.standalone.weaker.isEmpty)
        host = FakeHost()
        host.rest.namespaceTrial = .init(stage: "make a user namespace", error: EPERM)
        let noNamespaces = Answers(host.findings, host.facts)
        #expect(noNamespaces.service.possible && noNamespaces.standalone.missing == ["user-namespaces"])
        #expect(noNamespaces.standalone.weaker.isEmpty, "nothing is weaker of what cannot be")
        host.rest.landlock = nil
        host.rest.service = .absent
        #expect(Answers(host.findings, host.facts).service.missing == ["landlock"])
        #expect(Answers(host.findings, host.facts).standalone.missing == ["landlock", "user-namespaces"])
    }

    @Test func whatIsWeakerWithoutRootIsNamedAsItIsAccepted() {
        func weaker(_ change: (inout FakeHost) -> Void) -> [String] {
            var host = FakeHost()
            change(&host)
            return DoctorReport(host.facts, nil).answers.standalone.weaker.map(\.name)
        }
        let file = "\(FakeHost.manager)/cgroup.controllers"
        #expect(weaker { $0.files[file] = "cpu io memory pids" } == ["own-uid", "workspace-size"])
        #expect(weaker { _ in } == ["own-uid", "read-rate", "write-rate", "workspace-size"])
        #expect(
            weaker { $0.files[file] = "memory pids" } == [
                "own-uid", "cpus", "read-rate", "write-rate", "workspace-size",
            ])
        let all = ["own-uid", "memory", "cpus", "cpu-time", "read-rate", "write-rate", "workspace-size"]
        #expect(weaker { $0.files[file] = "cpu memory" } == all)
        #expect(weaker { $0.rest.userManager = nil } == all)
        #expect(weaker { $0.rest.mounts.removeLast() } == all)
        // The group that this process is in was delegated, as by systemd-run --user -p Delegate=yes.
        let own = "/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope"
        #expect(
            weaker {
                $0.rest.userManager = nil
                $0.writeErrors = [:]
                $0.files["\(own)/cgroup.controllers"] = "cpu io memory pids"
            } == ["own-uid", "workspace-size"])
    }

    @Test func sufficientIsWhatWhoAsksCanUse() {
        func isSufficient(
            _ question: DoctorCommand.Question? = nil, isNamed: Bool = false, _ change: (inout FakeHost) -> Void
        ) -> Bool {
            var host = FakeHost()
            host.rest.service = .absent
            change(&host)
            return DoctorReport(host.facts, question, isNamed: isNamed).sufficient
        }
        let noNamespaces = HostFacts.NamespaceTrial(stage: "make a user namespace", error: EPERM)
        #expect(isSufficient { _ in })
        #expect(!isSufficient { $0.rest.namespaceTrial = noNamespaces })
        #expect(isSufficient(.service) { $0.rest.namespaceTrial = noNamespaces })
        #expect(
            isSufficient {
                $0.rest.namespaceTrial = noNamespaces
                $0.rest.caller.uid = 0
            })
        #expect(
            !isSufficient(.standalone) {
                $0.rest.namespaceTrial = noNamespaces
                $0.rest.caller.uid = 0
            })
        #expect(
            isSufficient {
                $0.rest.namespaceTrial = noNamespaces
                $0.rest.service = .waiting
            })
        #expect(
            !isSufficient {
                $0.rest.namespaceTrial = noNamespaces
                $0.rest.service = .waiting
                $0.writeErrors["/run/sandboxd/sandboxd.sock"] = EACCES
            })
        #expect(!isSufficient { $0.rest.landlock = nil })
        // A service that runs has what this process does not see.
        #expect(
            isSufficient {
                $0.rest.landlock = nil
                $0.rest.service = FakeHost().rest.service
            })
        // A certain one was asked for.
        #expect(!isSufficient(isNamed: true) { $0.rest.service = .silent(milliseconds: 1) })
    }

    @Test func ofAServiceEverythingIsTold() {
        var host = FakeHost()
        let told = [
            HostReport.Finding(name: "cgroup", isFound: true, detail: "cgroup v1", remedy: "boot with v2"),
            HostReport.Finding(name: "swap-limit", isFound: false, detail: "no", remedy: "swapaccount=1"),
            HostReport.Finding(name: "new-thing", isFound: true, detail: "of a newer service"),
        ]
        host.rest.service = .answers(server: "sandboxd 0.1.0", protocolVersion: 1, findings: told)
        host.rest.landlock = nil
        let findings = host.findings
        #expect(Set(findings.map(\.name)).count == findings.count)
        #expect(host.found["landlock"] == nil, "it is not seen from here, and the service has it")
        #expect(host.found["cgroup"]?.detail == "cgroup v1" && host.found["cgroup"]?.remedy == "boot with v2")
        #expect(host.found["swap-limit"]?.mark == "no" && host.found["new-thing"]?.section == .groups)
        // Sections are still together.
        let sections = findings.map(\.section)
        #expect(zip(sections, sections.dropFirst()).count { $0 != $1 } == Finding.Section.allCases.count - 1)
        let text = DoctorReport(host.facts, nil).text
        #expect(text.contains("\ncontrol groups\n") && text.contains("boot with v2"))
    }

    @Test func aServiceThatWaitsForItsFirstClientIsNotStarted() {
        #expect(!Units(FakeHost.units).waitsForClient)
        var host = FakeHost()
        host.rest.units = "Id=sandboxd.socket\nActiveState=active\n\nId=sandboxd.service\nActiveState=inactive\n"
        #expect(Units(host.rest.units).waitsForClient)
        #expect(!Units("Id=sandboxd.service\nActiveState=inactive\n").waitsForClient)
        #expect(!Units(nil).waitsForClient && !Units(nil).isKnown && Units("").isKnown)
        host.rest.service = .waiting
        #expect(host.found["service"]?.detail == "starts with its first client")
    }

    // MARK: - Odd hosts

    private static let odd = [
        "", "\n", "\0\0\0", "-1", "99999999999999999999999999", "0x10", "max", " 7", "::::\n:::\n",
        "\u{1B}[31mred\u{1B}[0m",
        "\u{202E}reversed", "a'; rm -rf / #", "$(reboot)", "`reboot`", String(repeating: "9", count: 100_000),
        String(repeating: "x:y:1879048192\n", count: 100), "Id=sandboxd.service\nLoadState=\u{1B}[2J",
    ]

    @Test(arguments: odd)
    func whateverAFileSaysIsJudgedAndShownSafely(_ text: String) throws {
        var host = FakeHost()
        for path in host.files.keys { host.files[path] = text }
        host.rest.release = text
        host.rest.machine = text
        host.rest.ownGroups = text
        host.rest.units = text
        host.rest.userManager = text
        host.rest.mounts = [
            .init(path: text, type: text, options: [text]), .init(path: text, type: "cgroup2", options: []),
        ]
        host.rest.programs[0].version = text
        host.rest.programs[1].path = text
        host.rest.service = .answers(
            server: text, protocolVersion: 1, findings: [.init(name: text, isFound: false, detail: text, remedy: text)])
        try Self.checkShown(host)
        host.rest.service = .refused(text)
        try Self.checkShown(host)
    }

    /// Nothing drives a terminal, and no line is one that a text of the host's has made.
    private static func checkShown(_ host: FakeHost) throws {
        let report = DoctorReport(host.facts, nil)
        let shown = report.text
        #expect(
            !shown.unicodeScalars.contains {
                $0 != "\n" && [.control, .format].contains($0.properties.generalCategory)
            })
        #expect(shown.utf8.count < 200_000)
        // What a service says of what to do is its own.
        for finding in report.findings where finding.section != .groups {
            #expect(
                finding.remedy.map { !$0.contains("rm -rf") && !$0.contains("reboot)") && !$0.contains("`") } ?? true)
        }
        #expect(!report.findings.filter { $0.section != .groups }.contains { $0.remedy?.contains("\u{1B}") == true })
    }

    @Test func theFirstLineSaysWhatBecameOfTheService() {
        let cases: [(HostFacts.ServiceAnswer, String)] = [
            (.answers(server: "sandboxd 0.1.0", protocolVersion: 1, findings: nil), "sandboxd 0.1.0 runs here."),
            (
                .answers(server: "sandboxd 0.1.0", protocolVersion: 1, findings: nil, isDraining: true),
                "sandboxd 0.1.0 is stopping here."
            ), (.waiting, "A service starts here with its first client."),
            (.absent, "No service answers here."),
            (.refused("EACCES at /s"), "A service is here, and not for this user: EACCES at /s"),
            (.silent(milliseconds: 1), "A service is here, and does not answer."),
        ]
        for (answer, line) in cases {
            var host = FakeHost()
            host.rest.service = answer
            #expect(DoctorReport(host.facts, nil).text.hasPrefix(line + "\n"))
        }
        // It takes no new runs.
        var host = FakeHost()
        host.rest.service = cases[1].0
        #expect(!DoctorReport(host.facts, nil, isNamed: true).sufficient)
    }

    @Test func whomASocketLetsInIsWhatItsModeSays() {
        var host = FakeHost()
        host.rest.caller.groups = [1000]
        host.nodes["/run/sandboxd/sandboxd.sock"]?.mode = 0o666
        #expect(host.found["membership"]?.detail == "everybody may connect" && host.found["membership"]?.found == true)
        host.nodes["/run/sandboxd/sandboxd.sock"]?.mode = 0o660
        host.nodes["/run/sandboxd/sandboxd.sock"]?.gid = 1000
        #expect(host.found["membership"]?.found == true)
    }

    @Test func theServicesOwnPoliciesAreLookedAt() {
        var host = FakeHost()
        func policies(_ arguments: [String]?) -> Finding? {
            host.rest.serviceArguments = arguments
            return host.found["policies"]
        }
        #expect(policies(nil)?.detail == "2 in /etc/sandboxd/policies, and the built-in ones")
        host.nodes["/srv/p"] = .init(kind: .directory, uid: 0, gid: 0, mode: 0o755)
        host.lists["/srv/p"] = []
        // What is wrong elsewhere is not this service's.
        host.files["/etc/sandboxd/policies/own.yaml"] = "nonsense: 1\n"
        #expect(policies([])?.found == false)
        #expect(
            policies(["--warm", "0", "--policy-directory", "/srv/p"])?.detail == "0 in /srv/p, and the built-in ones")
        #expect(policies(["--policy-directory", "p"])?.detail.hasPrefix("not looked at") == true)
        // Whoever does not see it says nothing of it.
        #expect(policies(["--policy-directory", "/none"])?.found == true)
        host.rest.caller.uid = 0
        #expect(
            policies(["--policy-directory", "/none"])?.detail == "there is no /none, with which the service is started")
        #expect(policies(["--policy-directory", "/none"])?.found == false)
    }

    @Test func aNameBecomesPartOfACommandOnlyIfItIsOne() {
        var host = FakeHost()
        host.rest.caller.groups = [1000]
        for (name, shown) in [("agent-1.x", "agent-1.x"), ("a;reboot", "USER"), ("a b", "USER"), ("$(x)", "USER")] {
            host.files["/etc/passwd"] = "sandboxd:x:990:990::/:\n\(name):x:1000:1000::/:\n"
            #expect(host.found["membership"]?.remedy == "usermod -aG sandboxd \(shown), and log in again")
        }
        #expect(HostChecks.plainPath("/usr/bin/../libexec/x") == "/usr/libexec/x")
        #expect(HostChecks.plainPath("/a/../../b") == "/b")
        #expect(
            HostChecks.plainPath("/a b") == nil && HostChecks.plainPath("/a\n") == nil
                && HostChecks.plainPath("/é") == nil)
        #expect(HostChecks.moduleNames("capability, landlock\nEvil,ya;ma,bpf") == ["capability", "landlock", "bpf"])
    }

    @Test func numbersOfFilesAreTakenOnlyWhole() {
        var host = FakeHost()
        for (text, number) in [("7\n", 7), (" 7 8", 7), ("", nil), ("7x", nil), ("-7", nil), ("max", nil)]
            as [(String, UInt64?)]
        {
            host.files["/n"] = text
            #expect(host.facts.number("/n") == number)
        }
        #expect(host.facts.number("/none") == nil)
    }

    @Test func thePathsMountIsTheInnermostAndTheLast() {
        var facts = FakeHost().facts
        facts.mounts = ["/", "/srv", "/srv/a", "/srv/a"].enumerated().map {
            .init(path: $0.element, type: "\($0.offset)", options: [])
        }
        for (path, type) in [("/srv/a/b", "3"), ("/srv/a", "3"), ("/srv/ab", "1"), ("/srvx", "0"), ("/", "0")] {
            #expect(facts.mount(of: path)?.type == type)
        }
    }

    @Test func rateThatTheHostCannotEnforce() throws {
        let inputs = [
            PolicyInput(
                name: "own", path: "dir/own.yaml",
                contents: Array("version: 1\nextends: default\nlimits: { write-rate: 1MiB }\n".utf8)),
            PolicyInput(name: "plain", path: "plain.yaml", contents: Array("version: 1\nextends: default\n".utf8)),
        ]
        let set = try PolicySet.check(inputs, over: PolicySet.builtIn()).get()
        func warnings(_ host: FakeHost) -> [String] {
            CheckPolicies.hostWarnings(in: set, of: inputs, host.facts).map(\.description)
        }
        let message =
            "'limits.write-rate': this host cannot enforce it: sandboxd refuses to serve the policy"
        #expect(warnings(splitHost) == ["dir/own.yaml:3:11: warning: \(message)"])
        #expect(warnings(FakeHost()) == [])
    }
}
