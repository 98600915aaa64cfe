import SandboxModel

/// One thing that a host has or lacks, as `doctor` tells it. The names are stable: scripts compare them.
struct Finding: Encodable, Sendable, Equatable {
    /// What it belongs to, in the order in which it is told.
    enum Section: String, Encodable, Sendable, CaseIterable {
        case kernel, restrictions, groups, limits, files, programs, service, engine, accounts, standalone
    }

    enum Need: String, Encodable, Sendable {
        /// Without it no sandbox can run; in the section `standalone`, none without root.
        case needed
        /// Sandboxes do without it, and do less.
        case useful
    }

    var section: Section
    /// "landlock", "swap-limit".
    var name: String
    var found: Bool
    var need: Need
    /// What there is.
    var detail: String
    /// What it is for, or what its absence means.
    var meaning: String
    /// What to do about it, where there is something to be done: a command line for root wherever one is enough.
    var remedy: String?

    init(
        _ section: Section, _ name: String, found: Bool, _ need: Need = .useful, _ detail: String,
        means meaning: String,
        remedy: String? = nil
    ) {
        self.section = section
        self.name = name
        self.found = found
        self.need = need
        self.detail = detail
        self.meaning = meaning
        self.remedy = found ? nil : remedy
    }

    /// A service's.
    init(told finding: HostReport.Finding) {
        self.init(
            .groups, finding.name, found: finding.isFound, finding.name == "cgroup" ? .needed : .useful, finding.detail,
            means: GroupMeaning.of(finding.name))
        // cgroup v1 is found, and v2 would be better.
        remedy = finding.remedy
    }

    var isMissing: Bool { !found && need == .needed }

    /// "less" is for what sandboxes do without, and nothing can be done about.
    var mark: String {
        if found { return "yes" }
        return need == .needed ? "NO" : remedy == nil ? "less" : "no"
    }
}

/// Command lines for root that put things right, and stay.
enum Remedy {
    /// For `sysctl.d(5)`.
    static func sysctl(_ settings: [(String, String)]) -> String {
        let file = "/etc/sysctl.d/60-sandboxd.conf"
        let lines = settings.map { "'\($0.0) = \($0.1)'" }.joined(separator: " ")
        return "printf '%s\\n' \(lines) >>\(file) && sysctl -p \(file)"
    }

    /// A parameter of the kernel's command line, `kernel-command-line(7)`.
    static func boot(_ parameter: String, _ host: HostFacts) -> String {
        let name = parameter.prefix { $0 != "=" }
        if host.exists("/usr/sbin/update-grub") {
            return "mkdir -p /etc/default/grub.d && echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX \(parameter)\"' "
                + ">/etc/default/grub.d/sandboxd-\(name).cfg && update-grub && reboot"
        }
        if host.exists("/usr/sbin/grubby") { return "grubby --update-kernel=ALL --args='\(parameter)' && reboot" }
        return "add '\(parameter)' to the kernel's command line in your boot loader, and boot again"
    }

    /// A drop-in of the service's unit, `systemd.unit(5)`.
    static func unit(_ name: String, _ setting: String) -> String {
        let directory = "/etc/systemd/system/sandboxd.service.d"
        return "mkdir -p \(directory) && printf '[Service]\\n\(setting)\\n' >\(directory)/\(name).conf && "
            + "systemctl daemon-reload && systemctl restart sandboxd.service"
    }
}
