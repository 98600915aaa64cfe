import NIOCore

/// Work that nobody waits for, done a moment later and together. Confined to the loop.
///
/// Whoever is woken up by an answer, or by a request to the launcher, often waits for this very core: what this thread still does
/// before it sleeps is time of his.
package final class Afterwards {
    private static let delay = TimeAmount.milliseconds(2)

    private let loop: any EventLoop
    private var work: [() -> Void] = []

    init(loop: any EventLoop) { self.loop = loop }

    package func add(_ body: @escaping () -> Void) {
        work.append(body)
        guard work.count == 1 else { return }
        loop.assumeIsolated().scheduleTask(in: Self.delay) { [weak self] in self?.doAll() }
    }

    /// At once.
    func doAll() {
        let work = work
        self.work = []
        // The next run adds as much, and is not to wait until there is room for it.
        self.work.reserveCapacity(work.count)
        for body in work { body() }
    }
}
