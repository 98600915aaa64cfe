import Backoff
import Glibc
import LaunchPlan
import LinuxSystem

/// Makes and removes containers as the launcher orders them. None outlives its order: what is left of one that came to nothing is
/// removed, tried again until the engine says that it is gone; and what nobody ordered and has an owner's label that this
/// process answers for is removed whenever an engine is found (`Broker+Sweep`).
actor Broker {
    let link: LauncherLink
    let settings: ContainerSettings
    let client: EngineClient
    /// Of the engine that answered last; a failure of the engine's takes it away.
    var api: EngineAPI?
    private var breaker = CircuitBreaker()
    private var policies: [UInt32: ContainerSpecification] = [:]
    var orders: [UInt64: Order] = [:]
    /// Images that are being fetched.
    private var pulling: Set<String> = []
    private var failedPulls: [String: FailedPull] = [:]
    var isEnding = false

    /// The label by which containers that this very process has asked for are known: orders of launchers that are no more have the
    /// same owner's name and the same numbers.
    let maker = String(UInt64.random(in: .min ... .max), radix: 16)
    /// Seconds since 1970, when the launcher has said which owners are dead.
    let beginning = time(nil)
    var sweep = Sweep()
    /// The first order of this process's own; those before were another one's.
    private var firstOrder: UInt64 = .max
    /// Orders of another one's that are to be gone: what there is of them is found by looking, and known by no number.
    private var inherited: Set<UInt64> = []

    struct Order {
        /// "" until it is created.
        var container = ""
        var isMaking = false
        /// Nobody wants it any more: it is being removed, or is by whoever makes it.
        var isUnwanted = false
    }

    /// Why an image was not fetched. Several may wait for it and come again in turn, sooner or later, and each is to hear of it: until it
    /// is forgotten nothing is fetched anew.
    private struct FailedPull {
        var failure: EngineFailure
        /// CLOCK_MONOTONIC, nanoseconds.
        var forgottenAt: UInt64

        /// From its end, where nobody asks.
        static let memory: UInt64 = 60_000_000_000
        /// From when it was told first: twice what those who wait are told to wait.
        static let hearing: UInt64 = 10_000_000_000
    }

    private init(_ link: LauncherLink, _ settings: ContainerSettings, haste: Int64) {
        self.link = link
        self.settings = settings
        client = EngineClient(socket: settings.engine, haste: haste)
        for container in settings.living { orders[container.order] = Order(container: container.container) }
    }

    /// Until the launcher closes its end, and nothing that was made for it is left.
    ///
    /// - Parameter haste: what every patience with the engine is divided by.
    /// - Returns: whether the launcher has said anything.
    static func serve(_ link: LauncherLink, haste: Int64 = 1) async -> Bool {
        var commands = link.commands.makeAsyncIterator()
        guard case .settings(let settings) = await commands.next() else { return false }
        let broker = Broker(link, settings, haste: haste)
        await broker.sweepSoon()
        while let command = await commands.next() { await broker.take(command) }
        await broker.end()
        return true
    }

    private func take(_ command: ContainerCommand) {
        switch command {
        case .settings: break
        case .policy(let specification): policies[specification.number] = specification
        case .forget(let policy): policies[policy] = nil
        case .make(let order):
            orders[order.number] = Order(isMaking: true)
            firstOrder = min(firstOrder, order.number)
            // As it is now: it may be forgotten before that task begins.
            let specification = policies[order.policy]
            Task { await make(order, specification) }
        case .name(let order, let name):
            guard let container = orders[order]?.container, !container.isEmpty else { return }
            Task { try? await engine().rename(container, to: "sandboxd-\(name)") }
        case .remove(let number):
            guard let order = orders[number] else {
                inherited.insert(number)
                return tellRemoved()
            }
            if order.isUnwanted { return }
            orders[number]?.isUnwanted = true
            // Else whoever makes it looks.
            if !order.isMaking { Task { await remove(number) } }
        }
    }

    // MARK: making

    private func make(_ order: ContainerOrder, _ specification: ContainerSpecification?) async {
        var stage = LaunchStage.containerEngine
        do throws(EngineFailure) {
            guard let specification, let plan = specification.policy.container else { throw .policyForgotten }
            let api = try await engine()
            stage = .containerImage
            let image = try await image(plan, api)
            stage = .containerCreate
            if let network = plan.network {
                try await asking { () async throws(EngineFailure) in try await api.requireNetwork(network) }
            }
            if isWanted(order.number) {
                let creation = try ContainerCreation(
                    order, specification, image: image, maker: maker, settings: settings)
                let container = try await create(creation, order, api)
                if image.config?.volumes?.isEmpty == false {
                    try await asking { () async throws(EngineFailure) in try await api.requireNoVolumes(container) }
                }
                stage = .containerStart
                if isWanted(order.number) {
                    try await asking { () async throws(EngineFailure) in try await api.start(container) }
                    link.send(
                        .started(order: order.number, container: container, environment: Self.variables(of: image)))
                }
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
            orders[order.number]?.isUnwanted = true
            await remove(order.number)
        }
    }

    private func isWanted(_ order: UInt64) -> Bool { !isEnding && orders[order]?.isUnwanted == false }

    /// Notes the container at its order. Where there was no answer there may be one all the same, now or in a while.
    private func create(
        _ creation: ContainerCreation, _ order: ContainerOrder, _ api: EngineAPI
    ) async throws(EngineFailure) -> String {
        // One that is made ahead gets its name with its run.
        let name = order.run.isEmpty ? nil : "sandboxd-\(order.run)"
        do throws(EngineFailure) {
            let container = try await asking { () async throws(EngineFailure) in
                try await api.create(creation, name: name)
            }
            orders[order.number]?.container = container
            return container
        } catch {
            if error.isTheEngines { expectStragglers() }
            throw error
        }
    }

    /// What the launcher takes: of an image that says more, the first.
    static func variables(of image: EngineAPI.Image) -> [String] {
        var bytes = 0
        return (image.config?.env ?? []).prefix(ContainerEvent.maximumVariables).filter { variable in
            bytes += variable.utf8.count
            return bytes <= ContainerEvent.maximumVariableBytes && !variable.utf8.contains(0)
        }
    }

    private func image(_ plan: ContainerPlan, _ api: EngineAPI) async throws(EngineFailure) -> EngineAPI.Image {
        let found = try await asking { () async throws(EngineFailure) in try await api.image(plan.image) }
        if let found {
            if let system = found.os, system != "linux" { throw .imageUnfit("the image is for \(system)") }
            return found
        }
        guard plan.pull == .missing else { throw .imageMissing(plan.image) }
        if let failure = failedPull(plan.image) { throw failure }
        // Nobody waits for it here: it may take minutes.
        if pulling.insert(plan.image).inserted {
            link.send(.note("image '\(plan.image)' is not there and is being fetched".printable))
            Task { await pull(plan.image, api) }
        }
        throw .imagePulling(plan.image)
    }

    private func failedPull(_ image: String) -> EngineFailure? {
        guard var failed = failedPulls[image] else { return nil }
        let now = monotonicNanoseconds()
        guard now < failed.forgottenAt else {
            failedPulls[image] = nil
            return nil
        }
        failed.forgottenAt = min(failed.forgottenAt, now + FailedPull.hearing / UInt64(client.haste))
        failedPulls[image] = failed
        return failed.failure
    }

    private func pull(_ image: String, _ api: EngineAPI) async {
        do throws(EngineFailure) {
            try await api.pull(image)
            failedPulls[image] = nil
        } catch {
            var failure = error
            if case .refused(let status, let words) = error {
                failure = .imageUnfetched(
                    "\(image), which was not fetched: \(words)", mayCome: status >= 500 && !Self.isFinal(words))
            }
            let memory = FailedPull.memory / UInt64(client.haste)
            failedPulls[image] = FailedPull(failure: failure, forgottenAt: monotonicNanoseconds() + memory)
        }
        pulling.remove(image)
    }

    /// Whether a registry has answered, and will answer the same again: engines say that with a status of 500 too.
    private static func isFinal(_ words: String) -> Bool {
        ["manifest unknown", "no matching manifest", "not found", "denied", "unauthorized"]
            .contains(where: words.contains)
    }

    // MARK: the engine

    /// The interface, negotiated once for each engine that is found.
    func engine() async throws(EngineFailure) -> EngineAPI {
        if let api { return api }
        if let wait = breaker.admit(now: monotonicNanoseconds()) { throw .resting(milliseconds: wait / 1_000_000 + 1) }
        // Whoever was let in asks, and what comes of it counts: else nobody would be let in after him.
        let client = client
        let found = try await asking { () async throws(EngineFailure) in try await EngineAPI.negotiate(client) }
        let isNew = api == nil
        api = found
        if isNew { sweepSoon() }
        return found
    }

    /// Counts for the breaker. After a failure of the engine's it may be another one that answers next.
    func asking<Value: Sendable>(
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

    /// Of orders that this process has nothing of. Of another one's nothing is left when all has been looked through, and what was
    /// found is removed: until then somebody in a container may have the identity that the launcher would give away.
    func tellRemoved() {
        for number in inherited where number >= firstOrder || sweep.isClean {
            inherited.remove(number)
            link.send(.removed(order: number))
        }
    }

    /// Tried until it is gone.
    private func remove(_ number: UInt64) async {
        guard let container = orders[number]?.container else { return }
        if !container.isEmpty, await !remove(container) { return }
        orders[number] = nil
        link.send(.removed(order: number))
    }

    /// - Returns: whether it is gone. It is not when this process ends meanwhile: `end` sees to it then.
    func remove(_ container: String) async -> Bool {
        var pause: UInt64 = 100
        while !isEnding {
            do throws(EngineFailure) {
                let api = try await engine()
                try await asking { () async throws(EngineFailure) in try await api.remove(container) }
                return true
            } catch {
                try? await Task.sleep(for: .milliseconds(Int64(Double(pause) * Double.random(in: 0.5...1))))
                pause = min(pause * 2, 10_000)
            }
        }
        return false
    }

    // MARK: the end

    /// The launcher has at most this much patience with it, in nanoseconds (`ControlLoop.containersPatience`).
    private static let patience: UInt64 = 3_500_000_000

    /// The launcher is gone, or goes: nothing of it stays.
    private func end() async {
        isEnding = true
        sweep.wake()
        let deadline = monotonicNanoseconds() + Self.patience
        var open = Set(orders.values.map(\.container).filter { !$0.isEmpty })
        guard let api = await lastEngine() else { return }
        repeat {
            open.subtract(await removed(open, api))
            let isMaking = orders.values.contains(where: \.isMaking)
            // Also what was being created meanwhile.
            let found = try? await api.containers(labelled: "\(ContainerCreation.makerLabel)=\(maker)")
            open.formUnion(found?.map(\.id) ?? [])
            if found != nil, open.isEmpty, !isMaking { return }
            try? await Task.sleep(for: .milliseconds(20))
        } while monotonicNanoseconds() < deadline
    }

    /// The breaker is for those who may come again.
    private func lastEngine() async -> EngineAPI? {
        if let api { return api }
        return try? await EngineAPI.negotiate(client)
    }

    private func removed(_ containers: Set<String>, _ api: EngineAPI) async -> [String] {
        await withTaskGroup(of: String?.self) { group in
            for container in containers {
                group.addTask { (try? await api.remove(container)) == nil ? nil : container }
            }
            return await group.reduce(into: []) { gone, container in if let container { gone.append(container) } }
        }
    }
}
