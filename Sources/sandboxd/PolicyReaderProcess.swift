import CSandbox
import Glibc
import LaunchPlan
import LinuxSystem
import SandboxPolicy

/// A fresh, short-lived process of root's that reads the policy files for a launcher, and ends. The sandboxd that serves has no
/// say in it: the launcher starts it with what it was told while that one was trusted.
struct PolicyReaderProcess {
    let options: StartUpOptions
    /// Where the launcher's socket is.
    private let socket: Int32 = 3

    init(options: StartUpOptions) { self.options = options }

    /// Returns the exit status, which nobody looks at: what is wrong is said over the socket.
    func perform() -> Int32 {
        // Root's, and stopped or waiting for a disk it would outlive the launcher that has started it. (Of one that has died before
        // this line it hears by its socket.)
        _ = sandbox_parent_death_signal(SIGKILL)
        do {
            try read()
            return 0
        } catch let error as StartUpError {
            refuse(error.message)
            return error.status.rawValue
        } catch {
            refuse("\(error)")
            return StartUpError.Status.osError.rawValue
        }
    }

    private func read() throws {
        let inputs = try PolicyFiles.read(
            directory: options.policyDirectory, files: options.policyFiles, again: true)
        let policies = try PolicyFiles.resolve(inputs, only: options.onlyPolicy)
        if let only = options.onlyPolicy, policies.names != [only] {
            // At a start every policy would be served then.
            throw StartUpError(.configuration, "there is no policy '\(only)' any more, the only one to be served")
        }
        for name in policies.names {
            guard let policy = policies[name] else { continue }
            try send(.policy(policy.compiled()))
            try hear(of: policy)
        }
        // sandboxd reads these files again, as they are now, and comes to the same.
        let text = PolicyTexts(inputs.map { PolicyTexts.File(path: $0.path ?? $0.name, contents: $0.contents) }).encoded
        var rest = text[...]
        while !rest.isEmpty {
            try send(.text(Array(rest.prefix(PolicyReaderMessage.maximumTextBytes))))
            rest = rest.dropFirst(PolicyReaderMessage.maximumTextBytes)
        }
        try send(.complete)
    }

    /// What the launcher says to a policy: yes, or what keeps it from building its sandboxes.
    private func hear(of policy: Policy) throws {
        guard let message = try MessageSocket.receive(from: socket, maximum: LauncherEvent.maximumBytes) else {
            throw StartUpError(.unavailable, "the launcher has ended")
        }
        message.closeAll()
        switch try LauncherEvent(decoding: message.bytes) {
        case .policyReady: return
        case .policyRefused(_, let failure): throw LauncherProcess.refusal(of: policy, failure)
        default: throw StartUpError(.unavailable, "the launcher gave a wrong answer to policy '\(policy.name)'")
        }
    }

    private func send(_ message: PolicyReaderMessage) throws(SystemError) {
        try MessageSocket.send(message.encoded, over: socket)
    }

    /// Whoever waits for the reload is told. A NUL would make it no text for those on the way.
    private func refuse(_ reason: String) {
        try? send(.refused(String(reason.map { $0 == "\0" ? "\u{FFFD}" : $0 })))
    }
}
