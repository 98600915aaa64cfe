import Glibc
import LinuxSystem
import SandboxExec
import SandboxModel
import SandboxPolicy

/// The policies of no service: files over the built-in ones.
struct LocalPolicies {
    private let inputs: [PolicyInput]
    /// They are what a sandboxd for one call would have on this host, which looks at nothing but the policy that it is started for.
    let isOfHost: Bool

    /// Files that somebody has named, or none: what is wrong in any of them is told.
    static func named(_ inputs: [PolicyInput]) -> LocalPolicies { LocalPolicies(inputs: inputs, isOfHost: false) }

    /// What sandboxd reads on this host when it is told of no other directory, by its rules: of root's alone, or not at all.
    static func ofHost(directory: String = PolicyInput.standardDirectory) throws -> LocalPolicies {
        if access(directory, F_OK) != 0 { return .named([]) }
        do throws(SystemError) {
            var inputs: [PolicyInput] = []
            for name in try TrustedFile.list(directory) where PolicyInput.isPolicyFile(name) {
                let path = "\(directory)/\(name)"
                let contents = try TrustedFile.read(path, ownedByRoot: true)
                inputs.append(PolicyInput(name: PolicyInput.name(ofFile: path), path: path, contents: contents))
            }
            return LocalPolicies(inputs: inputs, isOfHost: !inputs.isEmpty)
        } catch {
            throw ServiceError(.invalidPolicies, "\(error); --built-in asks without this host's own policies")
        }
    }

    /// What an answer is about, for a note.
    var words: String {
        isOfHost
            ? "the policies in \(PolicyInput.standardDirectory), over the built-in ones" : "the built-in policies"
    }

    /// Every policy.
    func all() throws -> PolicySet { try PolicySet.load(inputs, over: PolicySet.builtIn()) }

    /// Those among which a policy is; where the host's are meant, without a look at any that it does not build on.
    func set(with source: PolicySource) throws -> PolicySet {
        let given = source.isFile ? try PolicyFiles.inputs([source.text]) : []
        guard isOfHost else { return try PolicySet.load(given, over: all()) }
        if let alone = PolicySet.alone(source.name, of: inputs + given) { return alone }
        return try PolicySet.load(inputs + given, over: PolicySet.builtIn())
    }

    func policy(_ source: PolicySource) throws -> Policy {
        let set = try set(with: source)
        guard let policy = set[source.name] else { throw source.unknown(in: set) }
        return policy
    }
}
