package import SandboxModel
import SandboxWire

/// Something that came later than the protocol: an old daemon would end the connection over it.
package struct CapabilityNeed: Sendable, Equatable {
    /// As `hello` announces it.
    package var capability: String
    /// What it is for: "sandboxd cannot ...".
    package var what: String

    package static let policies = CapabilityNeed(
        capability: WireCapability.policies, what: "be asked for its policies")
}

extension RunRequest {
    /// What the daemon must know for this request; nothing of most.
    package var needs: [CapabilityNeed] {
        var needs: [CapabilityNeed] = []
        func need(_ capability: String, _ what: String) {
            needs.append(CapabilityNeed(capability: capability, what: what))
        }
        if keep != nil { need(WireCapability.usage, "leave out a part of the output (keep)") }
        if usageIntervalMilliseconds != nil { need(WireCapability.usage, "tell what a run uses") }
        if trace { need(WireCapability.trace, "tell where the time of a start goes") }
        if !acceptWeaker.isEmpty { need(WireCapability.acceptWeaker, "be told what a run may lack (accept_weaker)") }
        let later = [
            limits.swapBytes, limits.stdoutBytes, limits.stderrBytes, limits.tmpBytes, limits.workspaceBytes,
            limits.workspaceInodes, limits.readBytesPerSecond, limits.writeBytesPerSecond, limits.graceMilliseconds,
        ]
        if later.contains(where: { $0 != nil }) { need(WireCapability.usage, "take all of these limits") }
        return needs
    }
}

extension ServerHello {
    package func require(_ needs: [CapabilityNeed]) throws(ServiceError) {
        for need in needs where !capabilities.contains(need.capability) {
            throw ServiceError(.invalidRequest, "\(server) cannot \(need.what): it is older than this client")
        }
    }
}
