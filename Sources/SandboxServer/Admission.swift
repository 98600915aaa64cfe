import LinuxSystem
import SandboxEngine
import SandboxModel

extension Engine {
    /// What a connection costs with its beginning and its end, half a millisecond of this process and of the launcher, in bytes of
    /// the budget.
    private static let connectionCost: UInt64 = 8 << 10

    /// Admits the peer of a connected socket. Who has used up his share of the loop is not admitted now: connecting and closing
    /// would be a way around it.
    func admit(socket: Int32, within budget: FrameBudget) throws(ServiceError) -> Client {
        let uid: UInt32
        do throws(SystemError) {
            uid = try PeerIdentity(ofPeerAt: socket).uid
        } catch {
            throw ServiceError(.overloaded, "\(error)", category: .temporary)
        }
        do throws(ServiceError) {
            guard budget.mayConnect(uid) else {
                throw ServiceError(
                    .overloaded, "this user has used up its share of the service's time", category: .temporary,
                    retryAfterMilliseconds: 100)
            }
            budget.charge(uid, bytes: Self.connectionCost)
            return try admit(socket: socket)
        } catch {
            noteRefusal(error, ofConnectionFrom: uid)
            throw error
        }
    }
}
