import LinuxSystem
import SandboxModel

/// What `doctor` judges of a host: one function a finding, each a function of `HostFacts` alone. A further one is a line in the
/// list of its section and a function below that.
enum HostChecks {
    /// All of them, in the order in which they are told.
    static func findings(of host: HostFacts) -> [Finding] {
        let own =
            kernel(host) + restrictions(host) + groups(host) + limits(host) + files(host) + programs(host)
            + service(host) + engine(host)
            + accounts(host) + standalone(host)
        guard case .answers(_, _, let told?, _, _) = host.service else { return own }
        return merge(own, told: told.map(Finding.init(told:)))
    }

    /// What a service tells of control groups stands for what is seen from here. And it would not run if it lacked what every
    /// sandbox needs: that this program, which may be confined more, does not see it says nothing.
    private static func merge(_ own: [Finding], told: [Finding]) -> [Finding] {
        let names = Set(told.map(\.name))
        let kept = own.filter { finding in
            if names.contains(finding.name) { return false }
            return !(finding.isMissing && [.kernel, .groups].contains(finding.section))
        }
        let first = kept.firstIndex { $0.section == .groups } ?? kept.endIndex
        return Array(kept[..<first] + told + kept[first...])
    }

    static func name(ofError error: Int32) -> String { errnoName(error) }
}

/// The two questions that all findings are for.
struct Answers: Encodable, Sendable, Equatable {
    struct Answer: Encodable, Sendable, Equatable {
        var possible: Bool
        /// Names of findings without which it is not.
        var missing: [String]
        /// What would not be enforced: what `exec --accept-weaker` takes, and why.
        var weaker: [Lack]
    }

    /// A `Weakness`.
    struct Lack: Encodable, Sendable, Equatable {
        var name: String
        var meaning: String
    }

    /// Can the service, started as root, run here?
    var service: Answer
    /// Can an ordinary user run `exec --standalone` here?
    var standalone: Answer

    init(_ findings: [Finding], _ host: HostFacts) {
        let missing = findings.filter(\.isMissing)
        let ofService = missing.filter { $0.section != .standalone }
        service = Answer(possible: ofService.isEmpty, missing: ofService.map(\.name), weaker: [])
        // Without root there are no groups of v1, no users for sandboxes, and no directory of root's policies.
        let withoutMatter: Set = ["cgroup", "cgroup-writable", "identities", "policies"]
        let ofUser = missing.filter { !withoutMatter.contains($0.name) }
        standalone = Answer(
            possible: ofUser.isEmpty, missing: ofUser.map(\.name), weaker: ofUser.isEmpty ? Self.weaknesses(host) : [])
    }

    /// Of what a policy may ask for; of the built-in ones each asks for the first three.
    private static func weaknesses(_ host: HostFacts) -> [Lack] {
        let given = HostChecks.delegatedControllers(host)
        return Weakness.allCases.filter { weakness in
            switch weakness {
            case .ownUID, .workspaceSize: true
            // Every group counts CPU time.
            case .memory, .cpuTime: given == nil
            case .cpus: given?.contains("cpu") != true
            case .readRate, .writeRate: given?.contains("io") != true
            }
        }.map { Lack(name: $0.name, meaning: $0.meaning) }
    }
}
