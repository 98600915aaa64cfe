import LaunchPlan

/// The user of a container's processes: a number of the host, since no user namespace lies in between.
enum ContainerUser {
    static let pattern = "^[1-9][0-9]{0,9}(:[1-9][0-9]{0,9})?$"

    /// `UID`, with the same number as group, or `UID:GID`.
    static func parse(_ text: String) -> ContainerPlan.User? {
        guard problem(of: text) == nil else { return nil }
        let numbers = text.split(separator: ":").compactMap { UInt32($0) }
        guard let uid = numbers.first, let gid = numbers.last else { return nil }
        return ContainerPlan.User(uid: uid, gid: gid)
    }

    /// Why a text is no user for a container, or `nil` when it is one.
    static func problem(of text: String) -> String? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy(isNumber) else {
            return
                "'\(text.prefix(80))' is neither UID nor UID:GID in decimal digits; names are not looked up, in the image "
                + "or here: write the number"
        }
        return parts.lazy.compactMap { problem(ofNumber: $0) }.first
    }

    private static func isNumber(_ text: Substring) -> Bool {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        return text.utf8.allSatisfy(digits.contains) && (text == "0" || !text.hasPrefix("0")) && !text.isEmpty
    }

    private static func problem(ofNumber text: Substring) -> String? {
        guard let number = UInt32(text), number < .max else {
            return "'\(text.prefix(80))' is no number below 4294967295"
        }
        if number == 0 { return "0 is the host's root; a container's processes are an ordinary user" }
        if SandboxIdentities.contains(number) {
            return "\(number) is one of the numbers that sandboxes get one by one; leave the key out for that"
        }
        return nil
    }
}

/// A network of the engine's that a container joins.
enum ContainerNetwork {
    static let maximumBytes = 256
    static let pattern = "^[a-zA-Z0-9][a-zA-Z0-9_.-]*$"
    /// Names with which the engine means something else than a network of that name.
    static let never = ["host", "none", "default"]

    /// Why a text is no network for a container, or `nil` when it is one.
    static func problem(of text: String) -> String? {
        switch text {
        case "host": return "'host' is the host's own network; no policy can ask for it"
        case "none": return "'none' is what holds without the key; leave it out"
        case "default": return "'default' is whichever network the engine takes; name one"
        default: break
        }
        if text.hasPrefix("container:") {
            return "'\(text.prefix(80))' is another container's network; no policy can ask for it"
        }
        guard let first = text.utf8.first, first != UInt8(ascii: "_"), isWord(first),
            text.utf8.allSatisfy({ isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") })
        else {
            return "'\(text.prefix(80))' is no network's name: letters, digits, _, . and -, the first a letter or digit"
        }
        return nil
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        VariableName.isLowerCase(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}

/// What engines offer and no policy can ask for, by the keys under which people would look for it.
enum ContainerRefusal: String, CaseIterable {
    case privileged, devices, volumes, ports, capabilities, security, namespaces, restart, limits, runtime, entrypoint

    init?(key: String) {
        let plain = key.lowercased().filter { $0 != "-" && $0 != "_" }
        guard let refusal = Self.allCases.first(where: { $0.keys.contains(plain) }) else { return nil }
        self = refusal
    }

    /// In lower case and without what joins words.
    var keys: [String] {
        switch self {
        case .privileged: ["privileged"]
        case .devices: ["device", "devices", "devicecgrouprules", "devicerequests", "gpus", "blkiodevice"]
        case .volumes: ["volume", "volumes", "volumesfrom", "bind", "binds", "mount", "mounts", "tmpfs"]
        case .ports: ["port", "ports", "publish", "publishall", "expose", "links", "extrahosts", "dns", "hostname"]
        case .capabilities: ["capadd", "capdrop", "capabilities", "cap", "groupadd"]
        case .security: ["securityopt", "seccomp", "apparmor", "selinux", "nonewprivileges", "readonly", "rootfs"]
        case .namespaces:
            ["pid", "ipc", "uts", "userns", "usernsmode", "cgroupns", "networkmode", "pidmode", "ipcmode"]
        case .restart: ["restart", "restartpolicy", "detach", "autoremove", "rm", "healthcheck", "init"]
        case .limits:
            ["ulimits", "ulimit", "sysctls", "sysctl", "shmsize", "cgroupparent", "oomkilldisable", "oomscoreadj"]
        case .runtime: ["runtime", "isolation", "platform", "logdriver", "logging", "labels", "label", "name"]
        case .entrypoint: ["entrypoint", "command", "cmd", "workdir", "workingdir", "env", "environment", "envfile"]
        }
    }

    var reason: String {
        switch self {
        case .privileged: "no policy can ask for a privileged container"
        case .devices: "no policy can ask for devices of the host"
        case .volumes: "no policy can ask for mounts; 'workspace' and 'filesystem.tmp' are all that can be written"
        case .ports: "no policy can ask for ports, names or hosts; 'docker.network' is all of the network"
        case .capabilities: "no policy can ask for capabilities or groups; a container has none"
        case .security: "no policy can change how a container is confined; 'syscalls' is all of it that a policy says"
        case .namespaces: "no policy can ask for namespaces of the host or of another container"
        case .restart: "no policy can ask for this; a container lives for one run and ends with it"
        case .limits: "no policy can ask for this; 'limits' and 'filesystem.shm' hold for containers too"
        case .runtime: "no policy can ask for this; sandboxd chooses it"
        case .entrypoint: "no policy can ask for this; a request brings the command, and 'environment' its variables"
        }
    }
}
