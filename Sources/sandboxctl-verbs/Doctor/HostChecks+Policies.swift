import LaunchPlan
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
        /// Of the engine.
        var socket: String?

        /// - Parameter arguments: sandboxd's.
        init(_ arguments: [String]) {
            var rest = arguments[...]
            while let argument = rest.popFirst() {
                for name in ["--policy-directory", "--policy-file", "--docker-socket"] {
                    let value = argument == name ? rest.popFirst() : argument.dropping(name + "=")
                    guard let value else { continue }
                    switch name {
                    case "--policy-file": files.append(value)
                    case "--docker-socket": socket = value
                    default: (directory, isNamed) = (value, true)
                    }
                    break
                }
            }
        }
    }

    private static func place(_ host: HostFacts) -> Place { Place(host.serviceArguments ?? unitOptions(host)) }

    /// `SANDBOXD_OPTIONS` of the file that the unit reads, `systemd.exec(5)`; those of the unit alone are the package's.
    private static func unitOptions(_ host: HostFacts) -> [String] {
        words(ofUnit: "SANDBOXD_OPTIONS", host)
    }

    private static func words(ofUnit variable: String, _ host: HostFacts) -> [String] {
        guard Units(host.units).isServiceInstalled, let text = host.read("/etc/default/sandboxd") else { return [] }
        let lines = text.split(separator: "\n").compactMap { String($0).dropping(variable + "=") }
        return (lines.last ?? "").split { $0 == " " || $0 == "\t" || $0 == "\"" || $0 == "'" }.map(String.init)
    }

    /// What the service's policies want of an engine, as far as whoever asks can read them; `nil` where none wants anything.
    static func engineNeed(_ host: HostFacts) -> EngineNeed? {
        let place = place(host)
        guard let inputs = try? inputs(of: place, host), let builtIn = try? PolicySet.builtIn(),
            let policies = try? PolicySet.check(inputs, over: builtIn).get()
        else { return nil }
        let images = policies.names.compactMap { name in
            policies[name]?.compiled().container.map {
                EngineNeed.Image(policy: name, name: $0.image, isFetched: $0.pull == .missing, network: $0.network)
            }
        }
        guard !images.isEmpty else { return nil }
        // A service that somebody has started by hand has most likely his environment.
        let named = (words(ofUnit: "DOCKER_HOST", host).first ?? host.caller.engine).map {
            $0.dropping("unix://") ?? $0
        }
        return EngineNeed(socket: place.socket ?? named ?? EngineNeed.standardSocket, images: images)
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
        do throws(Verdict) {
            return judge(try inputs(of: place, host), of: place, host)
        } catch {
            return (error.isValid, error.detail)
        }
    }

    /// Why there are no files to judge: something is wrong with them, or this user cannot tell.
    private struct Verdict: Error {
        var isValid: Bool
        var detail: String

        init(_ isValid: Bool, _ detail: String) { (self.isValid, self.detail) = (isValid, detail) }
    }

    private static func inputs(of place: Place, _ host: HostFacts) throws(Verdict) -> [PolicyInput] {
        guard ([place.directory] + place.files).allSatisfy({ $0.hasPrefix("/") }) else {
            throw Verdict(true, "not looked at: the service is started with a path that is relative to where that was")
        }
        let listed = try paths(of: place, host)
        var inputs: [PolicyInput] = []
        for path in listed + place.files {
            let isListed = inputs.count < listed.count
            if host.file(path)?.isLink == true {
                throw Verdict(false, "\(path) is a link, which sandboxd does not follow")
            }
            guard let file = host.file(path), file.kind == .regular,
                !isListed || file.uid == 0 && !file.isWritableByOthers
            else { throw Verdict(false, "\(path) is not a file\(isListed ? " that root alone can write" : "")") }
            guard let text = host.read(path) else {
                throw host.caller.uid == 0
                    ? Verdict(false, "\(path) cannot be read") : Verdict(true, "\(path) cannot be read by this user")
            }
            inputs.append(PolicyInput(name: PolicyInput.name(ofFile: path), path: path, contents: Array(text.utf8)))
        }
        return inputs
    }

    /// Of the files in the directory.
    private static func paths(of place: Place, _ host: HostFacts) throws(Verdict) -> [String] {
        if let directory = host.file(place.directory) {
            guard !directory.isLink else {
                throw Verdict(false, "\(place.directory) is a link, which sandboxd does not follow")
            }
            guard directory.kind == .directory, directory.uid == 0, !directory.isWritableByOthers else {
                throw Verdict(false, "\(place.directory) is not a directory that root alone can write")
            }
            guard let names = host.list(place.directory) else {
                throw Verdict(true, "\(place.directory) cannot be looked into by this user")
            }
            return names.filter(PolicyInput.isPolicyFile).map { "\(place.directory)/\($0)" }
        }
        if place.isNamed {
            throw host.caller.uid == 0
                ? Verdict(false, "there is no \(place.directory), with which the service is started")
                : Verdict(true, "\(place.directory) cannot be looked at by this user")
        }
        guard !place.files.isEmpty else {
            throw Verdict(true, "there is no \(place.directory): the built-in ones are served")
        }
        return []
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
