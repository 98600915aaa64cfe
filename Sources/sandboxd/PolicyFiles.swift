import Glibc
import LaunchPlan
import LinuxSystem
import SandboxPolicy

/// The policies of this daemon: the built-in ones, and what root has put beside them.
enum PolicyFiles {
    /// Reads `directory` (the default one only if it exists) and then the single files. Those in a directory must be
    /// root's; a single file was named by root, and whose it is was root's to see.
    ///
    /// - Parameter only: the one policy that is wanted, if there is one of that name. Of others nothing is read then, neither
    ///   what is wrong in them.
    static func load(directory: String?, files: [String], only: String?) throws -> PolicySet {
        try resolve(try read(directory: directory, files: files), only: only)
    }

    /// The files as they are now.
    ///
    /// - Parameter again: nobody of root's looks at whose the single files are: they must be root's as well, like the directories
    ///   that they are in.
    static func read(
        directory: String?, files: [String], again: Bool = false
    ) throws(StartUpError) -> [PolicyInput] {
        var inputs: [PolicyInput] = []
        do throws(SystemError) {
            for path in try paths(in: directory) { inputs.append(try input(path, ownedByRoot: true)) }
            for path in files {
                if again { try TrustedFile.checkDirectories(above: path) }
                inputs.append(try input(path, ownedByRoot: again))
            }
        } catch {
            throw StartUpError(.configuration, "\(error)")
        }
        return inputs
    }

    /// The same policies of what another process has read.
    static func resolve(_ texts: PolicyTexts, only: String?) throws -> PolicySet {
        try resolve(
            texts.files.map {
                PolicyInput(name: PolicyInput.name(ofFile: $0.path), path: $0.path, contents: $0.contents)
            }, only: only)
    }

    static func resolve(_ inputs: [PolicyInput], only: String?) throws -> PolicySet {
        // Where it is not there, or anything is wrong, everything is read: for every problem, and the names of all.
        if let only, let policy = PolicySet.alone(only, of: inputs) { return try resolveTenants(in: policy) }
        let policies: PolicySet
        do throws(PolicyErrors) {
            let builtIn = try PolicySet.builtIn()
            policies = inputs.isEmpty ? builtIn : try PolicySet.load(inputs, over: builtIn)
        } catch {
            throw StartUpError(.configuration, "\(error)")
        }
        return try resolveTenants(in: only.map(policies.narrowed) ?? policies)
    }

    /// Names of users and groups are looked up once, while nobody else has a say: what a policy says then stays.
    private static func resolveTenants(in policies: PolicySet) throws -> PolicySet {
        guard policies.hasTenants else { return policies }
        let accounts: Accounts
        do throws(SystemError) { accounts = try hostAccounts() } catch {
            throw StartUpError(.configuration, "\(error)")
        }
        do throws(PolicyErrors) { return try policies.resolvingTenants(with: accounts) } catch {
            throw StartUpError(.configuration, "\(error)")
        }
    }

    private static func input(_ path: String, ownedByRoot: Bool) throws(SystemError) -> PolicyInput {
        let contents = try TrustedFile.read(path, ownedByRoot: ownedByRoot)
        return PolicyInput(name: PolicyInput.name(ofFile: path), path: path, contents: contents)
    }

    private static func hostAccounts() throws(SystemError) -> Accounts {
        let users = try TrustedFile.read("/etc/passwd", ownedByRoot: false)
        let groups = try TrustedFile.read("/etc/group", ownedByRoot: false)
        return Accounts(
            user: { AccountFiles.user($0, in: users)?.uid }, group: { AccountFiles.group($0, in: groups) })
    }

    private static func paths(in directory: String?) throws(SystemError) -> [String] {
        if directory == nil, access(PolicyInput.standardDirectory, F_OK) != 0 { return [] }
        let directory = directory ?? PolicyInput.standardDirectory
        return try TrustedFile.list(directory)
            .filter(PolicyInput.isPolicyFile)
            .map { "\(directory)/\($0)" }
    }
}
