/// What a policy with `backend: docker` says of the container that is its sandbox: the engine makes it, and the launcher and
/// sandbox-init do in it what they do in one of their own.
package struct ContainerPlan: Sendable, Equatable {
    /// When the engine is asked to fetch an image that it does not have.
    package enum Pull: UInt8, Sendable {
        case never = 0
        case missing = 1
    }

    /// Host numbers, never 0: there is no user namespace in between.
    package struct User: Sendable, Equatable {
        package var uid: UInt32
        package var gid: UInt32

        package init(uid: UInt32, gid: UInt32) {
            self.uid = uid
            self.gid = gid
        }

        /// Nobody's user is root, or the number that means none.
        init(from reader: inout BinaryReader) throws(PlanError) {
            (uid, gid) = (try reader.integer(), try reader.integer())
            guard ![0, .max].contains(uid), ![0, .max].contains(gid) else { throw .badValue("user") }
        }
    }

    /// As the engine names it: `NAME`, `NAME:TAG` or `NAME@sha256:DIGEST`.
    package var image: String
    package var pull: Pull
    /// `nil`: each run has one of its own, as with the native backend.
    package var user: User?
    /// A network of the engine's, by its name; `nil`: none.
    package var network: String?
    /// How many containers are started ahead of requests.
    package var ahead: UInt32

    package init(
        image: String, pull: Pull = .never, user: User? = nil, network: String? = nil, ahead: UInt32 = 0
    ) {
        self.image = image
        self.pull = pull
        self.user = user
        self.network = network
        self.ahead = ahead
    }

    /// More would be no pool but a load.
    package static let mostAhead: UInt32 = 64

    static func encode(_ plan: ContainerPlan?, to writer: inout BinaryWriter) {
        writer.put(plan != nil)
        guard let plan else { return }
        writer.put(plan.image)
        writer.put(plan.pull.rawValue)
        writer.put(plan.user != nil)
        // Where there is none, one that could be: numbers are read before they are thrown away.
        writer.put(plan.user?.uid ?? 1)
        writer.put(plan.user?.gid ?? 1)
        writer.put(plan.network != nil)
        writer.put(plan.network ?? "")
        writer.put(plan.ahead)
    }

    static func optional(from reader: inout BinaryReader) throws(PlanError) -> ContainerPlan? {
        guard try reader.bool("container") else { return nil }
        let image = try reader.string("image", maximum: 512)
        guard let pull = Pull(rawValue: try reader.integer()) else { throw .badValue("pull") }
        let hasUser = try reader.bool("user")
        let user = try User(from: &reader)
        let hasNetwork = try reader.bool("network")
        let network = try reader.string("network", maximum: 256)
        return ContainerPlan(
            image: image, pull: pull, user: hasUser ? user : nil, network: hasNetwork ? network : nil,
            ahead: try reader.integer())
    }
}
