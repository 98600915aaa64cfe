/// What `backend: docker` makes of the other keys.
extension PolicyResolver {
    /// Leaves in the merged policy what holds for its backend, and reports what cannot.
    mutating func settleContainer(_ merged: inout Merged, of file: PolicyFile, below inherited: Merged) {
        settleNetwork(&merged, of: file, below: inherited)
        guard !merged.unread.contains(.backend) else { return }
        guard let backend = merged.settings[.backend], backend.value == .word("docker") else {
            return checkWithoutContainer(merged, of: file)
        }
        settleTree(&merged, of: file, backend.location)
        checkUnenforced(merged, of: file, backend.location)
        guard let own = file.settings[.backend], merged.settings[.image] == nil, !merged.unread.contains(.image) else {
            return
        }
        let message = "'docker.image' is missing: with 'backend: docker' a policy names the image or inherits it"
        report(file.source.diagnostic(own.location, message))
    }

    /// `network` and `docker.network` answer one question: the one in the file that is nearer replaces the other.
    private mutating func settleNetwork(_ merged: inout Merged, of file: PolicyFile, below inherited: Merged) {
        let own = file.settings[.network]
        guard let named = file.settings[.containerNetwork] else {
            if own != nil { merged.settings[.containerNetwork] = nil }
            return
        }
        if let own, case .word(let word) = own.value {
            let message =
                "'docker.network' (\(named.location)) joins a network of the engine's, and 'network: \(word)' "
                + "(\(own.location)) has none; leave one of them out"
            report(file.source.diagnostic(named.location, message))
        }
        if let final = inherited.finals[.network], inherited.settings[.containerNetwork]?.value != named.value {
            let place = inherited.settings[.network].map { ", its value is from \($0.location)" } ?? ""
            let message =
                "'network' may only be narrowed: a network of the engine's is wider (final in \(final)\(place))"
            report(file.source.diagnostic(named.location, message))
        }
        merged.settings[.network] = nil
    }

    /// An image shows nothing of the host, and all of itself. What a parent shows or hides of the host is without a meaning
    /// then; who writes it down here takes it for something else.
    private mutating func settleTree(_ merged: inout Merged, of file: PolicyFile, _ backend: SourceLocation) {
        for key in [PolicyKey.read, .hide] {
            if let own = file.settings[key] {
                let message =
                    "'\(key.rawValue)' is about the host's files, and with 'backend: docker' (\(backend)) there are only the "
                    + "image's, all of them; leave it out"
                report(file.source.diagnostic(own.location, message))
            }
            merged.settings[key] = nil
        }
    }

    /// Reported in the file that brings the two together.
    private mutating func checkUnenforced(_ merged: Merged, of file: PolicyFile, _ backend: SourceLocation) {
        for (key, reason) in Self.unenforced {
            guard let setting = merged.settings[key], let own = file.settings[key] ?? file.settings[.backend] else {
                continue
            }
            let message =
                "'\(key.rawValue)' (\(setting.location)) is not enforced with 'backend: docker' (\(backend)): \(reason)"
            report(file.source.diagnostic(own.location, message))
        }
    }

    private static let unenforced: [(PolicyKey, String)] = [
        (.programs, "the kernel's list of programs is one of the host's files; let the image have no others"),
        (.libraries, "the kernel's list of programs is one of the host's files; let the image have no others"),
        (.readRate, "rates hold for the disks behind the host's files"),
        (.writeRate, "rates hold for the disks behind the host's files"),
    ]

    private mutating func checkWithoutContainer(_ merged: Merged, of file: PolicyFile) {
        let section = PolicyKey.keys(of: PolicyKey.image.section)
        guard let key = section.first(where: { merged.settings[$0] != nil }), let setting = merged.settings[key],
            let own = section.lazy.compactMap({ file.settings[$0] }).first ?? file.settings[.backend]
        else { return }
        let backend = merged.settings[.backend].map { " (\($0.location))" } ?? ""
        let message =
            "'\(key.rawValue)' (\(setting.location)) needs 'backend: docker', and the backend is native\(backend)"
        report(file.source.diagnostic(own.location, message))
    }
}
