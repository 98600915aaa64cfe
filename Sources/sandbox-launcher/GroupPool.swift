import LaunchPlan
import LinuxSystem

/// Control groups of a preparer: in each there is one sandbox at a time. One that is provably as it was when it was new serves
/// another sandbox; any doubt ends it.
struct GroupPool {
    private let hierarchy: any ControlGroupHierarchy
    private var idle: [any ControlGroup] = []
    /// By order.
    private var lent: [UInt64: any ControlGroup] = [:]
    /// By order, of those that are not among these.
    private var names: [UInt64: String] = [:]
    /// Names of groups that the kernel would not yet let go.
    private var left: [String] = []

    private static let mostIdle = 8
    /// Each holds a dozen descriptors. What is lent beyond is known by its name alone.
    private static let mostLent = 64

    init(_ hierarchy: any ControlGroupHierarchy) { self.hierarchy = hierarchy }

    /// A group for an order's sandbox, until what remains of that is taken back.
    mutating func take(for order: UInt64, limits: LaunchLimits) throws(SystemError) -> any ControlGroup {
        let group: any ControlGroup
        if let known = idleGroup(limits) {
            group = known
        } else {
            group = try hierarchy.create("warm-\(order)", limits: limits, rates: [])
        }
        if lent.count < Self.mostLent { lent[order] = group } else { names[order] = group.name }
        return group
    }

    private mutating func idleGroup(_ limits: LaunchLimits) -> (any ControlGroup)? {
        guard limits.memoryBytes >= ControlGroupReuse.leastMemory else { return nil }
        while let group = idle.popLast() {
            // EBUSY: what the kernel has not forgotten is more than this policy allows.
            if (try? group.narrow(to: limits)) != nil { return group }
            remove(group.name)
        }
        return nil
    }

    /// Every process of the sandbox has ended.
    mutating func takeBack(_ remains: Preparer.Remains) {
        guard let group = remains.order.flatMap({ lent.removeValue(forKey: $0) }) else {
            return remove(remains.order.flatMap { names.removeValue(forKey: $0) } ?? remains.group)
        }
        guard remains.keepsGroup, idle.count < Self.mostIdle, group.reset() else { return remove(group.name) }
        idle.append(group)
    }

    private mutating func remove(_ name: String) {
        left.append(name)
        left.removeAll { hierarchy.remove($0) }
    }
}
