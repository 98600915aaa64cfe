import LinuxSystem
import SandboxPolicy

/// The policies of the service, as it would read them at its next start.
extension HostChecks {
    /// Where they are, by what the service is started with.
    private struct Place {
        var directory = PolicyInput.standardDirectory
        /// It was said, and must be there.
        var isNamed = false
        var files: [String] = []

        /// - Parameter arguments: sandboxd's.
        init(_ arguments: [String]) {
            var rest = arguments[...]
            while let argument = rest.popFirst() {
                for name in ["--policy-directory", "--policy-file"] {
                    let value = argument == name ? rest.popFirst() : argument.dropping(name + "=")
                    guard let value else { continue }
                    if name == "--policy-file" {
                        files.append(value)
                    } else {
                        (directory, isNamed) = (value, true)
                    }
                    break
                }
            }
        }
    }

    private static func place(_ host: HostFacts) -> Place { Place(host.serviceArguments ?? unitOptions(host)) }

    /// `SANDBOXD_OPTIONS` of the file that the unit reads, `systemd.exec(5)`; those of the unit alone are the package's.
    private static func unitOptions(_ host: HostFacts) -> [String] {
        guard Units(host.units).isServiceInstalled, let text = host.read("/etc/default/sandboxd") else { return [] }
        let lines = text.split(separator: "\n").compactMap { String($0).dropping("SANDBOXD_OPTIONS=") }
        return (lines.last ?? "").split { $0 == " " || $0 == "\t" || $0 == "\"" || $0 == "'" }.map(String.init)
    }

    static func policies(_ host: HostFacts) -> Finding {
        let place = place(host)
        let (isValid, detail) = judge(place, host)
        return Finding(
            .service, "policies", found: isValid, .needed, detail,
            means:
                """
                the service starts with all of its policies or not at all; they are root's, and nobody else may write them: what \
                is listed may be somebody else's, and is to be read before it is made root's
                """,
            // No chown: it would make root's, and trusted, whatever somebody has put there.
            remedy: plainPath(place.directory).map {
                #"find \#($0) \( ! -user root -o -perm /022 \) -ls; sandboxctl policy check \#($0)"#
            })
    }

    private static func judge(_ place: Place, _ host: HostFacts) -> (isValid: Bool, detail: String) {
        guard ([place.directory] + place.files).allSatisfy({ $0.hasPrefix("/") }) else {
            return (true, "not looked at: the service is started with a path that is relative to where that was")
        }
        var paths: [String] = []
        if let directory = host.file(place.directory) {
            guard !directory.isLink else {
                return (false, "\(place.directory) is a link, which sandboxd does not follow")
            }
            guard directory.kind == .directory, directory.uid == 0, !directory.isWritableByOthers else {
                return (false, "\(place.directory) is not a directory that root alone can write")
            }
            guard let names = host.list(place.directory) else {
                return (true, "\(place.directory) cannot be looked into by this user")
            }
            paths = names.filter(PolicyInput.isPolicyFile).map { "\(place.directory)/\($0)" }
        } else if place.isNamed {
            return host.caller.uid == 0
                ? (false, "there is no \(place.directory), with which the service is started")
                : (true, "\(place.directory) cannot be looked at by this user")
        } else if place.files.isEmpty {
            return (true, "there is no \(place.directory): the built-in ones are served")
        }
        var inputs: [PolicyInput] = []
        for path in paths + place.files {
            let isListed = inputs.count < paths.count
            if host.file(path)?.isLink == true { return (false, "\(path) is a link, which sandboxd does not follow") }
            guard let file = host.file(path), file.kind == .regular,
                !isListed || file.uid == 0 && !file.isWritableByOthers
            else { return (false, "\(path) is not a file\(isListed ? " that root alone can write" : "")") }
            guard let text = host.read(path) else {
                return host.caller.uid == 0
                    ? (false, "\(path) cannot be read") : (true, "\(path) cannot be read by this user")
            }
            inputs.append(PolicyInput(name: PolicyInput.name(ofFile: path), path: path, contents: Array(text.utf8)))
        }
        return judge(inputs, of: place, host)
    }

    private static func judge(
        _ inputs: [PolicyInput], of place: Place, _ host: HostFacts
    ) -> (isValid: Bool, detail: String) {
        guard let builtIn = try? PolicySet.builtIn() else { return (false, "the built-in policies cannot be read") }
        switch PolicySet.check(inputs, over: builtIn) {
        case .success(let policies):
            if let problem = unknownTenants(policies, host) { return (false, problem) }
            let count = inputs.count - place.files.count
            let single = place.files.isEmpty ? "" : ", \(place.files.count) single"
            return (true, "\(count) in \(place.directory)\(single), and the built-in ones")
        case .failure(let errors): return (false, firstOf(errors))
        }
    }

    private static func firstOf(_ errors: PolicyErrors) -> String {
        "\(errors.diagnostics.count) errors, the first: \(errors.diagnostics.first.map { "\($0)" } ?? "")"
    }

    /// The names are looked up where the service looks: in the files.
    private static func unknownTenants(_ policies: PolicySet, _ host: HostFacts) -> String? {
        guard policies.hasTenants else { return nil }
        let (users, groups) = (host.read("/etc/passwd") ?? "", host.read("/etc/group") ?? "")
        let accounts = Accounts(
            user: { AccountFiles.user($0, in: Array(users.utf8))?.uid },
            group: { AccountFiles.group($0, in: Array(groups.utf8)) })
        do throws(PolicyErrors) {
            _ = try policies.resolvingTenants(with: accounts)
            return nil
        } catch {
            return firstOf(error)
        }
    }
}

extension String {
    /// What is behind a beginning, if it has that.
    fileprivate func dropping(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
