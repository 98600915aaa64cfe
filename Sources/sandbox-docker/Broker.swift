import Glibc
import LaunchPlan
import LinuxSystem

/// Makes and removes containers as the launcher orders them. None outlives its order: what is left of one that came to nothing is
/// removed, tried again until the engine says that it is gone; and what nobody ordered and has an owner's label that this
/// process answers for is removed whenever an engine is found.
actor Broker {
    private let link: LauncherLink
    private let settings: ContainerSettings
    private let client: EngineClient
    private var api: EngineAPI?
    private var breaker = CircuitBreaker()
    private var policies: [UInt32: ContainerSpecification] = [:]
    private var orders: [UInt64: Order] = [:]
    /// Images that are being fetched.
    private var pulling: Set<String> = []
    private var failedPulls: [String: EngineFailure] = [:]
    private var isEnding = false

    private struct Order {
        /// "" until it is created.
        var container = ""
        var isMaking = false
        /// The launcher wants it no more.
        var isUnwanted = false
    }

    private init(_ link: LauncherLink, _ settings: ContainerSettings) {
        self.link = link
        self.settings = settings
        client = EngineClient(socket: settings.engine)
        for container in settings.living { orders[container.order] = Order(container: container.container) }
    }

    /// Until the launcher closes its end. Returns never.
    static func serve(link descriptor: Int32) async -> Never {
        let link = LauncherLink(descriptor)
        var commands = link.commands.makeAsyncIterator()
        guard case .settings(let settings) = await commands.next() else { stop("the launcher said nothing") }
        let broker = Broker(link, settings)
        Task { await broker.reconcile() }
        while let command = await commands.next() { await broker.take(command) }
        await broker.end()
        exit(0)
    }

    private func take(_ command: ContainerCommand) {
        switch command {
        case .settings: break
        case .policy(let specification): policies[specification.number] = specification
        case .forget(let policy): policies[policy] = nil
        case .make(let order):
            orders[order.number] = Order(isMaking: true)
            Task { await make(order) }
        case .name(let order, let name):
            guard let container = orders[order]?.container, !container.isEmpty else { return }
            Task { try? await engine().rename(container, to: "sandboxd-\(name)") }
        case .remove(let number):
            guard let order = orders[number] else { return link.send(.removed(order: number)) }
            if order.isUnwanted { return }
            orders[number]?.isUnwanted = true
            // Else whoever makes it looks.
            if !order.isMaking { Task { await remove(number) } }
        }
    }

    // MARK: making

    private func make(_ order: ContainerOrder) async {
        var stage = LaunchStage.containerEngine
        do throws(EngineFailure) {
            guard let specification = policies[order.policy], let plan = specification.policy.container else {
                throw .incomprehensible("an order for no policy")
            }
            let api = try await engine()
            stage = .containerImage
            let image = try await image(plan, api)
            stage = .containerCreate
            if let network = plan.network {
                try await asking { () async throws(EngineFailure) in try await api.requireNetwork(network) }
            }
            let creation = try ContainerCreation(
                order, specification, image: image, owner: settings.owner, initPath: settings.initPath)
            // One that is made ahead gets its name with its run.
            let name = order.run.isEmpty ? nil : "sandboxd-\(order.run)"
            let container = try await asking { () async throws(EngineFailure) in try await api.create(creation, name: name) }
            orders[order.number]?.container = container
            stage = .containerStart
            if orders[order.number]?.isUnwanted != true {
                try await asking { () async throws(EngineFailure) in try await api.start(container) }
                link.send(
                    .started(order: order.number, container: container, environment: Self.variables(of: image)))
            }
            orders[order.number]?.isMaking = false
            if orders[order.number]?.isUnwanted == true { await remove(order.number) }
        } catch {
            link.send(
                .failed(order: order.number, failure: error.launchFailure(at: stage, engine: settings.engine)))
            if case .unreachable(EACCES) = error {
                // Its socket may be another group's by now: the launcher starts this process anew, in that one.
                stop("the engine's socket \(settings.engine) is not for this group")
            }
            orders[order.number]?.isMaking = false
            // It has none of its creation, or may have: an answer that did not come.
            await remove(order.number)
            if case .slow = error { await reconcile() }
        }
    }

    /// What the launcher takes: of an image that says more, the first.
    private static func variables(of image: EngineAPI.Image) -> [String] {
        var bytes = 0
        return (image.Config?.Env ?? []).prefix(ContainerEvent.maximumVariables).filter { variable in
            bytes += variable.utf8.count
            return bytes <= ContainerEvent.maximumVariableBytes && !variable.utf8.contains(0)
        }
    }

    private func image(_ plan: ContainerPlan, _ api: EngineAPI) async throws(EngineFailure) -> EngineAPI.Image {
        let found = try await asking { () async throws(EngineFailure) in try await api.image(plan.image) }
        if let found {
            if let system = found.Os, system != "linux" { throw .imageUnfit("the image is for \(system)") }
            return found
        }
        guard plan.pull == .missing else { throw .imageMissing(plan.image) }
        if let failure = failedPulls.removeValue(forKey: plan.image) { throw failure }
        // Nobody waits for it here: it may take minutes.
        if pulling.insert(plan.image).inserted { Task { await pull(plan.image, api) } }
        throw .imagePulling(plan.image)
    }

    private func pull(_ image: String, _ api: EngineAPI) async {
        do throws(EngineFailure) {
            try await api.pull(image)
        } catch {
            failedPulls[image] = error
        }
        pulling.remove(image)
    }

    // MARK: the engine

    /// The interface, negotiated once for each engine that is found.
    private func engine() async throws(EngineFailure) -> EngineAPI {
        if let wait = breaker.admit(now: monotonicNanoseconds()) { throw .resting(milliseconds: wait / 1_000_000 + 1) }
        if let api { return api }
        let client = client
        let found = try await asking { () async throws(EngineFailure) in try await EngineAPI.negotiate(client) }
        let isNew = api == nil
        api = found
        if isNew { Task { await reconcile() } }
        return found
    }

    /// Counts for the breaker. After a failure of the engine's it may be another one that answers next.
    private func asking<Value: Sendable>(
        _ question: @Sendable () async throws(EngineFailure) -> Value
    ) async throws(EngineFailure) -> Value {
        do throws(EngineFailure) {
            let value = try await question()
            breaker.succeeded()
            return value
        } catch {
            guard error.isTheEngines else {
                breaker.succeeded()
                throw error
            }
            breaker.failed(now: monotonicNanoseconds(), dice: Double.random(in: 0...1))
            api = nil
            throw error
        }
    }

    // MARK: removing

    /// Tried until it is gone.
    private func remove(_ number: UInt64) async {
        guard let container = orders[number]?.container else { return }
        if !container.isEmpty { await remove(container) }
        orders[number] = nil
        link.send(.removed(order: number))
    }

    private func remove(_ container: String) async {
        var pause: UInt64 = 100
        while !isEnding {
            do throws(EngineFailure) {
                let api = try await engine()
                return try await asking { () async throws(EngineFailure) in try await api.remove(container) }
            } catch {
                try? await Task.sleep(for: .milliseconds(Int64(Double(pause) * Double.random(in: 0.5...1))))
                pause = min(pause * 2, 10_000)
            }
        }
    }

    /// Removes what is labelled as this owner's, or a dead one's, and is nobody's order.
    private func reconcile() async {
        do throws(EngineFailure) {
            let api = try await engine()
            for owner in [settings.owner] + settings.deadOwners {
                let label = "\(ContainerCreation.ownerLabel)=\(owner)"
                let found = try await asking { () async throws(EngineFailure) in
                    try await api.containers(labelled: label)
                }
                for container in found where !isOrdered(container, of: owner) {
                    let labels = container.Labels ?? [:]
                    link.send(
                        .note(
                            "removing container \(container.Id.prefix(12)) (\(container.State ?? "?"), policy "
                                + "\(labels["io.sandboxd.policy"] ?? "?"), run \(labels["io.sandboxd.run"] ?? "none")) that a "
                                + "launcher that is no more has left"))
                    await remove(container.Id)
                }
            }
        } catch {
            link.send(.note("what is left of earlier containers is not known: \(error)"))
        }
    }

    /// One that is being created is known by its order alone.
    private func isOrdered(_ container: EngineAPI.Listed, of owner: String) -> Bool {
        guard owner == settings.owner else { return false }
        if orders.values.contains(where: { $0.container == container.Id }) { return true }
        guard let order = container.Labels?["io.sandboxd.order"].flatMap({ UInt64($0) }), let known = orders[order]
        else { return false }
        return known.isMaking && known.container.isEmpty
    }

    /// The launcher is gone, or goes: nothing of it stays.
    private func end() async {
        isEnding = true
        guard let api else { return }
        let containers = orders.values.map(\.container).filter { !$0.isEmpty }
        await withTaskGroup(of: Void.self) { group in
            for container in containers { group.addTask { try? await api.remove(container) } }
        }
        // What was being created meanwhile.
        let label = "\(ContainerCreation.ownerLabel)=\(settings.owner)"
        for container in (try? await api.containers(labelled: label)) ?? [] { try? await api.remove(container.Id) }
    }
}
