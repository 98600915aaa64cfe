import ArgumentParser
import Glibc
import SandboxClient
import SandboxExec
import SandboxModel
import SandboxPolicy

/// Which policies a question is about: a running service's, those of a directory, or the built-in ones.
struct PolicyPlace: ParsableArguments {
    @Option(
        help: "Policy files of this directory, over the built-in policies, as sandboxd --policy-directory reads them.")
    var directory: String?
    @Flag(help: "The policies built into sandboxctl, also when a service runs.") var builtIn = false
    @OptionGroup var socket: SocketOption

    func validate() throws {
        guard [directory != nil, builtIn, socket.socket != nil].count(where: { $0 }) <= 1 else {
            throw ValidationError("use one of --directory, --built-in and --socket")
        }
    }

    /// The service to ask: one that was named must answer, the usual one may be absent, closed to us, or too old.
    func service() async throws -> SandboxClient? {
        if directory != nil || builtIn { return nil }
        if let path = socket.socket { return try await Service.running(socket: path) }
        switch try await SandboxClient.openSocket(SandboxClient.standardSocket) {
        case .success(let descriptor):
            let client = try await SandboxClient(descriptor: descriptor)
            if client.server.capabilities.contains("policies") { return client }
            Self.note("the running service is too old to be asked")
        case .failure(let failure):
            if !failure.isAbsence { Self.note(failure.serviceError.message) }
        }
        return nil
    }

    private static func note(_ reason: String) {
        Diagnostics.write("note: this is about the policies built into sandboxctl; \(reason)")
    }

    /// Built-in policies and the directory's.
    func localSet() throws -> PolicySet {
        guard let directory else { return try PolicySet.builtIn() }
        return try PolicyFiles.load(PolicyFiles.paths([directory]))
    }

    /// A policy, with the digest that a service says of it where one was asked.
    func load(_ source: PolicySource) async throws -> (policy: Policy, fromService: Bool) {
        if source.isFile { return (try source.load(over: localSet()), false) }
        guard let client = try await service() else { return (try source.load(over: localSet()), false) }
        let summary = try await client.policy(source.name)
        let text = summary.effective ?? ""
        return (try EffectivePolicy.read(name: summary.name, text: text, digest: summary.digest), true)
    }
}
