import CSandbox
import Glibc
import SandboxClient
import SandboxModel
import Synchronization

/// Asks a service who it is and what it found, for a limited time: one that hangs must not hang who looks for the reason.
enum ServiceQuestion {
    static func ask(_ socket: String, milliseconds: Int) async -> HostFacts.ServiceAnswer {
        await first(.silent(milliseconds: milliseconds), after: milliseconds) { await answer(socket) }
    }

    /// What `body` gives, or another value when it takes too long. What it was at goes on until this program ends, which is
    /// soon.
    static func first<Value: Sendable>(
        _ late: Value, after milliseconds: Int, _ body: @escaping @Sendable () async -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            let race = Race(continuation)
            Task { race.end(await body()) }
            Task {
                try? await Task.sleep(for: .milliseconds(milliseconds))
                race.end(late)
            }
        }
    }

    private final class Race<Value: Sendable>: Sendable {
        private let waiter: Mutex<CheckedContinuation<Value, Never>?>

        init(_ continuation: CheckedContinuation<Value, Never>) { waiter = Mutex(continuation) }

        func end(_ value: Value) { waiter.withLock { $0.take() }?.resume(returning: value) }
    }

    /// Who called listen(2), by number; 0 where that is nobody whom this process sees.
    private static func listener(at socket: Int32) -> Int32 {
        var peer = sandbox_peer()
        return sandbox_peer_credentials(socket, &peer) == 0 ? peer.pid : 0
    }

    private static func answer(_ socket: String) async -> HostFacts.ServiceAnswer {
        do {
            switch try await SandboxClient.openSocket(socket) {
            case .failure(let failure) where failure.isAbsence: return .absent
            case .failure(let failure): return .refused(failure.serviceError.message)
            case .success(let descriptor):
                let listener = listener(at: descriptor)
                let client = try await SandboxClient(descriptor: descriptor)
                let isAskable = client.server.capabilities.contains("host")
                let isStopping = client.server.capabilities.contains("service")
                return .answers(
                    server: client.server.server, protocolVersion: client.server.protocolVersion,
                    findings: isAskable ? try await client.host().findings : nil,
                    isDraining: isStopping ? try await client.serviceStats().draining == true : false,
                    listener: listener)
            }
        } catch let error as ServiceError {
            return .refused(error.message)
        } catch {
            return .refused("\(error)")
        }
    }
}
