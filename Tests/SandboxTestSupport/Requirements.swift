import Glibc
import LinuxSystem
package import Testing

/// What a test needs of the host. Without it a test says so and is skipped, unless `SANDBOX_REQUIRE` names it
/// ("root,cgroup"): then its absence is a failure.
package enum HostFeature: String, CaseIterable, Sendable {
    case root
    case cgroup
    /// An ordinary user may have user namespaces, and mount a /proc of his own in them.
    case userNamespaces = "user-namespaces"
    /// Every program that `make packages` installs. Tests that start one look for it themselves.
    case programs
    /// Landlock that tells what it refused, Linux 6.15, on a host whose audit a test may switch on.
    case landlockAudit = "landlock-audit"
    /// ext4 with quotas of projects on a loop device: a kernel with QFMT_V2, built in or as a module, and e2fsprogs.
    case projectQuota = "project-quota"
    /// Swap that is switched on.
    case swap
    /// A Docker Engine at DOCKER_HOST, with the images of Tests/Docker.
    case docker

    package var isPresent: Bool {
        switch self {
        case .root: geteuid() == 0
        case .cgroup: access("/sys/fs/cgroup", F_OK) == 0
        case .userNamespaces: UserNamespaceBarrier.ofThisHost() == nil
        case .programs: true
        case .landlockAudit:
            geteuid() == 0 && (try? Landlock())?.version ?? 0 >= 7 && (try? AuditStream.isEnabled()) != nil
        case .docker: DockerEngine.isPresent
        case .swap: ((try? wholeFile("/proc/swaps")) ?? "").split(separator: "\n").count > 1
        case .projectQuota: geteuid() == 0 && Self.hasQuotaFormat && access("/dev/loop-control", F_OK) == 0
        }
    }

    /// Whether the kernel knows the format in which ext4 keeps quotas.
    private static var hasQuotaFormat: Bool {
        var name = utsname()
        guard uname(&name) == 0 else { return false }
        let release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let modules = (try? wholeFile("/lib/modules/\(release)/modules.dep")) ?? ""
        if modules.contains("/quota_v2.ko") { return true }
        return (try? wholeFile("/proc/kallsyms"))?.contains(" v2_check_quota_file\n") == true
    }

    /// Whether `SANDBOX_REQUIRE` names it.
    package var isRequired: Bool {
        guard let value = getenv("SANDBOX_REQUIRE") else { return false }
        return String(cString: value).split(separator: ",").contains(Substring(rawValue))
    }
}

extension Trait where Self == ConditionTrait {
    /// Runs the test where the host has the feature, or where it was promised to have it.
    package static func needs(_ feature: HostFeature) -> Self {
        .enabled(if: feature.isPresent || feature.isRequired, "this test needs \(feature.rawValue)")
    }
}
