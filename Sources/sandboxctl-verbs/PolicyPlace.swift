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

    /// Where an answer comes from.
    enum Found {
        case service(SandboxClient)
        case local(LocalPolicies)
    }

    /// As `exec` would choose: a service that was named must answer, the usual one may be absent. It may be closed to us or too
    /// old as well; what would then be asked is said.
    func find() async throws -> Found {
        if directory != nil || builtIn { return .local(try local()) }
        let isNamed = ServiceChoice.isNamed(socket: socket.socket)
        var reason: String?
        switch try await SandboxClient.openSocket(socket.socket ?? SandboxClient.standardSocket) {
        case .success(let descriptor):
            let client = try await SandboxClient(descriptor: descriptor)
            if client.server.capabilities.contains("policies") { return .service(client) }
            client.close()
            reason = "the running service is too old to be asked"
        case .failure(let failure):
            if isNamed { throw failure.serviceError }
            if !failure.isAbsence { reason = failure.serviceError.message }
        }
        let local = try local()
        // What there is anyway, where nobody has more to say, needs no word.
        if local.isOfHost || reason != nil {
            Diagnostics.write("note: \(reason ?? "no service runs"); this is about \(local.words)")
        }
        return .local(local)
    }

    private func local() throws -> LocalPolicies {
        if let directory { return .named(try PolicyFiles.inputs(PolicyFiles.paths([directory]))) }
        return builtIn ? .named([]) : try .ofHost()
    }

    /// A policy, with the digest that a service says of it where one was asked.
    func load(_ source: PolicySource) async throws -> (policy: Policy, fromService: Bool) {
        // What a running service's operator decides is not in a caller's file.
        let found: Found = source.isFile ? .local(try local()) : try await find()
        switch found {
        case .local(let local): return (try local.policy(source), false)
        case .service(let client):
            let summary = try await client.policy(source.name)
            let text = summary.effective ?? ""
            return (try EffectivePolicy.read(name: summary.name, text: text, digest: summary.digest), true)
        }
    }
}
