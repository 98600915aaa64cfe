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

    private static func answer(_ socket: String) async -> HostFacts.ServiceAnswer {
        do {
            switch try await SandboxClient.openSocket(socket) {
            case .failure(let failure) where failure.isAbsence: return .absent
            case .failure(let failure): return .refused(failure.serviceError.message)
            case .success(let descriptor):
                let client = try await SandboxClient(descriptor: descriptor)
                let isAskable = client.server.capabilities.contains("host")
                return .answers(
                    server: client.server.server, protocolVersion: client.server.protocolVersion,
                    findings: isAskable ? try await client.host().findings : nil)
            }
        } catch let error as ServiceError {
            return .refused(error.message)
        } catch {
            return .refused("\(error)")
        }
    }
}
