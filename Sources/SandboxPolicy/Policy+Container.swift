import LaunchPlan

extension Policy {
    /// Whether an image is the tree, and none of the host's files are in it.
    var usesImage: Bool { word(.backend) == "docker" }

    /// The image, where there is one.
    var image: String? { usesImage ? name(.image) : nil }

    /// A network of the engine's.
    var engineNetwork: String? { usesImage ? name(.containerNetwork) : nil }

    /// What the engine is told; `nil`: the native backend.
    var container: ContainerPlan? {
        guard usesImage else { return nil }
        // Without an image, which cannot be in a policy that was resolved, the engine refuses every run.
        return ContainerPlan(
            image: image ?? "", pull: word(.pull) == "missing" ? .missing : .never,
            user: name(.containerUser).flatMap(ContainerUser.parse), network: engineNetwork,
            ahead: UInt32(clamping: amount(.ahead) ?? 0))
    }

    private func name(_ key: PolicyKey) -> String? {
        if case .word(let name)? = settings[key]?.value { name } else { nil }
    }
}
