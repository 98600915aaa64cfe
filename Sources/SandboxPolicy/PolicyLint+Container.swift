/// What a policy says of its container that is allowed and hardly meant.
extension PolicyLint {
    mutating func checkContainer() {
        checkImage()
        if let own = file.settings[.containerUser], case .word(let user) = own.value {
            warn(
                own.location,
                "'docker.user': every run of this policy is the same user of the host, \(user), and what one leaves another can "
                    + "change; without the key each has one of its own")
        }
        if let own = file.settings[.containerNetwork], own.value == .word("bridge") {
            warn(
                own.location,
                "'docker.network': 'bridge' is also that of every container that names none, and runs can reach them; make one "
                    + "for sandboxes alone")
        }
    }

    private mutating func checkImage() {
        guard let image = policy.image else { return }
        let isFetched = policy.word(.pull) == "missing"
        if ImageReference.isIdentifier(image) {
            guard isFetched, let own = file.settings[.pull] ?? file.settings[.image] else { return }
            return warn(own.location, "'docker.pull' means nothing: an image cannot be fetched by its id")
        }
        guard !ImageReference.isPinned(image) else { return }
        let advice = "NAME@sha256:DIGEST or sha256:ID is the same for ever"
        if let own = file.settings[.image] {
            warn(own.location, "'docker.image': which image '\(image)' is can change; \(advice)")
        }
        if isFetched, let own = file.settings[.pull] {
            warn(own.location, "'docker.pull': missing fetches whatever a registry has for '\(image)' then; \(advice)")
        }
    }
}
