import Glibc
import LaunchPlan
import LinuxSystem

/// Landlock's refusals out of the host's audit messages, where the operator asked for them (`sandboxd --landlock-audit`).
///
/// The kernel names a domain by a number of its own and tells once, after the first refusal, whose it is: by the uid that
/// restricted itself, which is one sandbox's alone for as long as it lives.
struct LandlockAudit: ~Copyable {
    private let stream: AuditStream
    private var owners: [String: UInt32] = [:]
    /// Refusals of a domain whose owner is not yet known.
    private var early: [(domain: String, denial: KernelDenial)] = []

    private static let maximumDomains = 8192
    private static let maximumEarly = 256

    var number: Int32 { stream.number }

    init(landlock: Landlock) throws(LaunchFailure) {
        guard landlock.version >= 7 else {
            throw LaunchFailure(
                .audit, errno: ENOSYS, "Landlock of this kernel tells nothing: that begins with Linux 6.15")
        }
        let isEnabled = try at(.audit) { () throws(SystemError) in try AuditStream.isEnabled() }
        guard isEnabled else {
            throw LaunchFailure(
                .audit, errno: ENODATA, "audit is switched off on this host: boot with audit=1, or auditctl -e 1")
        }
        stream = try Self.open()
    }

    private static func open() throws(LaunchFailure) -> AuditStream {
        do throws(SystemError) {
            return try AuditStream()
        } catch {
            throw LaunchFailure(.audit, error)
        }
    }

    /// Everything that has been told so far, with the uid whose it is.
    mutating func drain() -> [(uid: UInt32, denial: KernelDenial)] {
        var result: [(uid: UInt32, denial: KernelDenial)] = []
        while let message = stream.next() {
            switch LandlockRecord(message) {
            case .refusal(let domain, let rights, let object):
                let denial = KernelDenial(
                    kind: .path, subject: object ?? "", right: rights.joined(separator: ","), count: 1)
                if let owner = owners[domain] {
                    result.append((owner, denial))
                } else if early.count < Self.maximumEarly {
                    early.append((domain, denial))
                }
            case .domain(let domain, let uid):
                guard SandboxIdentities.contains(uid), owners.count < Self.maximumDomains else { continue }
                owners[domain] = uid
                result += early.filter { $0.domain == domain }.map { (uid, $0.denial) }
                early.removeAll { $0.domain == domain }
            case nil: continue
            }
        }
        return result
    }

    /// The sandbox is gone, and its uid will be another's.
    mutating func forget(_ uid: UInt32) {
        owners = owners.filter { $0.value != uid }
        if owners.isEmpty { early = [] }
    }
}
