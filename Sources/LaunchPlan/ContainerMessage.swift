/// What the launcher asks of sandbox-docker, the one process that speaks with a Docker Engine. One command is one message on a
/// SOCK_SEQPACKET socket.
///
/// Pairs (launcher sends -> sandbox-docker answers):
///
///     settings(S)        -> nothing; the first message
///     policy(P)          -> nothing
///     forget(policy N)   -> nothing
///     make(O)            -> started(O), or failed(O)
///     name(O, text)      -> nothing
///     remove(O)          -> removed(O), when the engine has nothing of it any more
package enum ContainerCommand: Sendable, Equatable {
    case settings(ContainerSettings)
    case policy(ContainerSpecification)
    case forget(policy: UInt32)
    case make(ContainerOrder)
    /// The container of this order serves a run now.
    case name(order: UInt64, name: String)
    case remove(order: UInt64)

    /// sandbox-docker's descriptor 3 is its end of the socket.
    package static let descriptor: Int32 = 3
    package static let program = "sandbox-docker"
    package static let maximumBytes = 512 << 10

    package var encoded: [UInt8] {
        var writer = BinaryWriter()
        switch self {
        case .settings(let settings):
            writer.put(UInt8(1))
            settings.encode(to: &writer)
        case .policy(let specification):
            writer.put(UInt8(2))
            specification.encode(to: &writer)
        case .forget(let policy):
            writer.put(UInt8(3))
            writer.put(policy)
        case .make(let order):
            writer.put(UInt8(4))
            order.encode(to: &writer)
        case .name(let order, let name):
            writer.put(UInt8(5))
            writer.put(order)
            writer.put(name)
        case .remove(let order):
            writer.put(UInt8(6))
            writer.put(order)
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(PlanError) {
        guard bytes.count <= Self.maximumBytes else { throw .tooLarge("message") }
        var reader = BinaryReader(bytes)
        switch try reader.integer(UInt8.self) {
        case 1: self = .settings(try ContainerSettings(from: &reader))
        case 2: self = .policy(try ContainerSpecification(from: &reader))
        case 3: self = .forget(policy: try reader.integer())
        case 4: self = .make(try ContainerOrder(from: &reader))
        case 5: self = .name(order: try reader.integer(), name: try reader.string("name", maximum: 256))
        case 6: self = .remove(order: try reader.integer())
        case let other: throw .unknownMessage(other)
        }
        try reader.finish()
    }
}

/// What sandbox-docker says.
package enum ContainerEvent: Sendable, Equatable {
    /// The container runs; its sandbox-init comes to the order's socket by itself.
    ///
    /// - Parameters:
    ///   - container: the engine's name for it, 64 hexadecimal digits.
    ///   - environment: the image's variables, `NAME=value`.
    case started(order: UInt64, container: String, environment: [String])
    /// There is no such container, or soon is none any more.
    case failed(order: UInt64, failure: LaunchFailure)
    case removed(order: UInt64)
    /// For the log.
    case note(String)

    package static let maximumBytes = 96 << 10
    /// More of an image's variables are not passed on.
    package static let maximumVariables = 256
    package static let maximumVariableBytes = 64 << 10

    package var encoded: [UInt8] {
        var writer = BinaryWriter()
        switch self {
        case .started(let order, let container, let environment):
            writer.put(UInt8(1))
            writer.put(order)
            writer.put(container)
            writer.put(environment)
        case .failed(let order, let failure):
            writer.put(UInt8(2))
            writer.put(order)
            failure.encode(to: &writer)
        case .removed(let order):
            writer.put(UInt8(3))
            writer.put(order)
        case .note(let text):
            writer.put(UInt8(4))
            writer.put(raw: text.cut(atMost: 1024))
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(PlanError) {
        guard bytes.count <= Self.maximumBytes else { throw .tooLarge("message") }
        var reader = BinaryReader(bytes)
        switch try reader.integer(UInt8.self) {
        case 1:
            self = .started(
                order: try reader.integer(), container: try reader.string("container", maximum: 64),
                environment: try reader.strings(
                    "environment", maximumCount: Self.maximumVariables, maximumBytes: Self.maximumVariableBytes))
        case 2: self = .failed(order: try reader.integer(), failure: try LaunchFailure(from: &reader))
        case 3: self = .removed(order: try reader.integer())
        case 4: self = .note(try reader.string("note", maximum: 1024))
        case let other: throw .unknownMessage(other)
        }
        try reader.finish()
    }
}

/// What holds for all containers of one launcher.
package struct ContainerSettings: Sendable, Equatable {
    /// Path of the engine's socket.
    package var engine: String
    /// Host path of sandbox-init, which the engine mounts into each container.
    package var initPath: String
    /// The label by which this launcher's containers are known from others'.
    package var owner: String
    /// Owners that are no more: what they have left is removed.
    package var deadOwners: [String]
    /// Containers of this owner's that are in use.
    package var living: [Living]

    package struct Living: Sendable, Equatable {
        package var order: UInt64
        package var container: String

        package init(order: UInt64, container: String) {
            self.order = order
            self.container = container
        }
    }

    package init(engine: String, initPath: String, owner: String, deadOwners: [String], living: [Living]) {
        self.living = living
        self.engine = engine
        self.initPath = initPath
        self.owner = owner
        self.deadOwners = deadOwners
    }

    package static let mostLiving = 4096

    func encode(to writer: inout BinaryWriter) {
        writer.put(engine)
        writer.put(initPath)
        writer.put(owner)
        writer.put(deadOwners)
        writer.put(UInt32(living.count))
        for container in living {
            writer.put(container.order)
            writer.put(container.container)
        }
    }

    init(from reader: inout BinaryReader) throws(PlanError) {
        engine = try reader.string("engine")
        initPath = try reader.string("init")
        owner = try reader.string("owner", maximum: 64)
        deadOwners = try reader.strings("dead owners", maximumCount: 1024, maximumBytes: 64)
        living = []
        let count = try reader.integer(UInt32.self)
        guard count <= UInt32(Self.mostLiving) else { throw .tooLarge("living") }
        for _ in 0..<count {
            living.append(
                Living(order: try reader.integer(), container: try reader.string("container", maximum: 64)))
        }
    }
}

/// A policy whose sandboxes are containers.
package struct ContainerSpecification: Sendable, Equatable {
    /// The launcher's number for it, never used again.
    package var number: UInt32
    package var policy: CompiledPolicy
    /// Its system call rules as the OCI runtime reads them, JSON.
    package var profile: String

    package static let maximumProfileBytes = 128 << 10

    package init(number: UInt32, policy: CompiledPolicy, profile: String) {
        self.number = number
        self.policy = policy
        self.profile = profile
    }

    func encode(to writer: inout BinaryWriter) {
        writer.put(number)
        policy.encode(to: &writer)
        writer.put(profile)
    }

    init(from reader: inout BinaryReader) throws(PlanError) {
        number = try reader.integer()
        policy = try CompiledPolicy(from: &reader)
        profile = try reader.string("profile", maximum: Self.maximumProfileBytes)
    }
}

/// One container.
package struct ContainerOrder: Sendable, Equatable {
    package var number: UInt64
    /// Of its `ContainerSpecification`.
    package var policy: UInt32
    package var user: ContainerPlan.User
    /// Host path of the socket at which the launcher awaits its sandbox-init.
    package var socket: String
    /// Who it is for, where that is known: a label and a name for people who look.
    package var run: String
    /// uid of that run's caller.
    package var tenant: UInt64?

    package init(
        number: UInt64, policy: UInt32, user: ContainerPlan.User, socket: String, run: String = "",
        tenant: UInt64? = nil
    ) {
        self.number = number
        self.policy = policy
        self.user = user
        self.socket = socket
        self.run = run
        self.tenant = tenant
    }

    func encode(to writer: inout BinaryWriter) {
        writer.put(number)
        writer.put(policy)
        writer.put(user.uid)
        writer.put(user.gid)
        writer.put(socket)
        writer.put(run)
        writer.put(tenant)
    }

    init(from reader: inout BinaryReader) throws(PlanError) {
        number = try reader.integer()
        policy = try reader.integer()
        user = try ContainerPlan.User(from: &reader)
        socket = try reader.string("socket", maximum: 256)
        run = try reader.string("run", maximum: 64)
        tenant = try reader.optional("tenant")
    }
}
