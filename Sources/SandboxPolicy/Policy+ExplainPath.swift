import SandboxModel

/// What the launcher puts into every sandbox, whatever the policy says.
enum Provided {
    /// Where a run may write, or what is the kernel's: what lies there is no image's.
    static let writable = ["/sandbox", "/workspace", "/tmp", "/dev", "/proc", "/sys"]
    static let workspace = ["/sandbox/workspace", "/workspace"]
    static let temporary = ["/tmp", "/dev/shm"]
    static let devices = [
        "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts",
        "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr",
    ]
    static let files = [
        "/etc/passwd", "/etc/group", "/etc/hosts", "/etc/hostname", "/etc/nsswitch.conf", "/etc/ld.so.cache",
        "/etc/localtime",
    ]
    static let engine = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"]
}

extension Policy {
    /// Whether a path inside the sandbox can be read, written or executed, from the policy alone: nothing is opened, so
    /// that a file is missing or its mode forbids it is not known here.
    /// - Parameter path: absolute, or relative to the workspace. Links are not followed.
    package func explain(path: String, access: PathAccess, on host: HostView = .unknown) -> Explanation {
        let absolute = path.hasPrefix("/") ? path : "/sandbox/workspace/" + path
        let normal = PolicyPath.normalised(absolute)
        let inside = normal.isEmpty ? "/" : normal
        // The shorter name is a link in a tree that the launcher makes, and no image's.
        let workspaces = usesImage ? Provided.workspace.prefix(1) : Provided.workspace[...]
        if workspaces.contains(where: { PolicyPath.isAtOrBelow(inside, $0) }) {
            return explainWorkspace(inside, access)
        }
        if Provided.temporary.contains(where: { PolicyPath.isAtOrBelow(inside, $0) }) {
            return explainWritten(inside, access)
        }
        if PolicyPath.isAtOrBelow(inside, "/proc") || PolicyPath.isAtOrBelow(inside, "/dev") {
            return explainSpecial(inside, access)
        }
        if let image { return explainImage(image, inside, access) }
        if Provided.files.contains(inside) {
            return explainReadOnly(inside, access, rule: nil, executable: false)
        }
        let explanation = explainHost(inside, access)
        guard access == .execute, explanation.allowed else { return explanation }
        return explainListing(inside, on: host) ?? explanation
    }

    /// The image is the tree: what is in it, no policy says.
    private func explainImage(_ image: String, _ path: String, _ access: PathAccess) -> Explanation {
        let shown = Subject.describe([path])
        let place = place(.image)
        if PolicyPath.isAtOrBelow(path, "/sys") || Provided.engine.contains(path) {
            switch access {
            case .read: return allowance(shown, access, place, "the engine makes it, read-only")
            case .write: return refusal(shown, access, place, "the engine makes it, read-only; write below \(writable)")
            case .execute: return refusal(shown, access, place, "it is no program")
            }
        }
        switch access {
        case .read:
            let why =
                "where image '\(image)' has it; the tree is the image's, read-only, and nothing of the host is in it"
            return allowance(shown, access, place, why)
        case .write: return refusal(shown, access, place, "the tree is the image's, read-only; write below \(writable)")
        case .execute: return allowance(shown, access, place, "where image '\(image)' has it as a program")
        }
    }

    private func explainHost(_ path: String, _ access: PathAccess) -> Explanation {
        let linked = PolicyPath.merging(path)
        let shown = Subject.describe([path])
        if let hidden = items(.hide).first(where: { PolicyPath.isAtOrBelow(linked, $0.value) }) {
            let text = "\(shown) is hidden in this sandbox (\(hidden.location)): it is empty; use another file"
            return Explanation(allowed: false, rule: hidden.location, text: text)
        }
        for candidate in [path, linked] {
            if let shownPath = items(.read).first(where: { PolicyPath.isAtOrBelow(candidate, $0.value) }) {
                return explainReadOnly(path, access, rule: shownPath.location, executable: true)
            }
        }
        let all = strings(.read) + Provided.files + Provided.workspace + Provided.temporary
        if all.contains(where: { PolicyPath.isBelow($0, path) }) {
            if access == .read {
                let text = "\(shown) is a directory that holds only what this sandbox shows (\(place(.read)))"
                return Explanation(allowed: true, rule: place(.read), text: text)
            }
            return refusal(
                shown, access, place(.read), "it is a directory that cannot be changed; write below \(writable)")
        }
        let text =
            "\(shown) does not exist in this sandbox: only paths under filesystem.read (\(place(.read))), /tmp, /dev/shm, "
            + "/proc, /dev\(word(.mode) == "none" ? "" : " and the workspace") do"
        return Explanation(allowed: false, rule: place(.read), text: text)
    }

    private func explainWorkspace(_ path: String, _ access: PathAccess) -> Explanation {
        let shown = Subject.describe([path])
        let mode = word(.mode)
        if mode == "none" {
            return refusal(shown, access, place(.mode), "policy \(name) has no workspace; use /tmp")
        }
        switch access {
        case .read: return allowance(shown, access, place(.mode), "it is the workspace")
        case .write where mode == "write":
            return allowance(shown, access, place(.mode), "it is the workspace" + workspaceBound)
        case .write: return refusal(shown, access, place(.mode), "the workspace is read-only; write below /tmp")
        case .execute: return explainExecution(shown)
        }
    }

    /// ", 4 MiB and 1000 files at most", and what keeps a directory of the host to that.
    private var workspaceBound: String {
        let bounds = [
            amount(.workspaceSize).map(ByteCount.describe), amount(.workspaceInodes).map { "\($0) files" },
        ].compactMap { $0 }
        if bounds.isEmpty { return "" }
        let quota = strings(.roots).isEmpty ? "" : "; a directory of the host needs a project quota of at most this"
        return ", \(bounds.joined(separator: " and ")) at most\(quota)"
    }

    private func explainWritten(_ path: String, _ access: PathAccess) -> Explanation {
        let shown = Subject.describe([path])
        let key: PolicyKey = PolicyPath.isAtOrBelow(path, "/tmp") ? .tmp : .shm
        if access == .execute { return explainExecution(shown) }
        let size = amount(key).map(ByteCount.describe) ?? ""
        return allowance(shown, access, place(key), "it is memory of this run alone, \(size) at most")
    }

    private func explainExecution(_ shown: String) -> Explanation {
        let place = place(.execute)
        if executesWritten {
            return allowance(shown, .execute, place, "policy \(name) lets a run execute what it wrote")
        }
        let advice = "nothing that a run can write is executable; start an interpreter of the system with it instead"
        return refusal(shown, .execute, place, advice)
    }

    private func explainSpecial(_ path: String, _ access: PathAccess) -> Explanation {
        let shown = Subject.describe([path])
        let isDevice = Provided.devices.contains { PolicyPath.isAtOrBelow(path, $0) }
        switch access {
        case .read where path == "/dev" || PolicyPath.isAtOrBelow(path, "/proc"):
            return allowance(shown, access, nil, "it shows this sandbox alone")
        case .read where isDevice, .write where isDevice:
            return allowance(shown, access, nil, "it is one of the harmless devices")
        case .read:
            return Explanation(
                allowed: false, rule: nil,
                text:
                    "\(shown) does not exist in this sandbox: /dev has only null, zero, full, random, urandom and terminals"
            )
        case .write, .execute:
            return refusal(shown, access, nil, "write below \(writable)")
        }
    }

    private func explainReadOnly(
        _ path: String, _ access: PathAccess, rule: SourceLocation?, executable: Bool
    ) -> Explanation {
        let shown = Subject.describe([path])
        switch access {
        case .read: return allowance(shown, access, rule, "it is there, read-only")
        case .execute where executable: return allowance(shown, access, rule, "where its file mode says so")
        case .execute: return refusal(shown, access, rule, "it is no program")
        case .write: return refusal(shown, access, rule, "it is read-only here; write below \(writable)")
        }
    }

    private var writable: String { word(.mode) == "write" ? "the workspace or /tmp" : "/tmp" }

    private func allowance(_ path: String, _ access: PathAccess, _ rule: SourceLocation?, _ why: String) -> Explanation
    {
        let place = rule.map { " (\($0))" } ?? ""
        return Explanation(allowed: true, rule: rule, text: "\(path) can be \(access.participle)\(place): \(why)")
    }

    private func refusal(_ path: String, _ access: PathAccess, _ rule: SourceLocation?, _ advice: String) -> Explanation
    {
        let place = rule.map { " (\($0))" } ?? ""
        return Explanation(
            allowed: false, rule: rule, text: "\(path) cannot be \(access.participle)\(place): \(advice)")
    }
}

extension PathAccess {
    fileprivate var participle: String {
        switch self {
        case .read: "read"
        case .write: "written"
        case .execute: "executed"
        }
    }
}
