package import LaunchPlan

/// Resource control of the host: cgroup v2 where its controllers are, v1 otherwise, `cgroups(7)`.
///
/// Groups are made below the group that this program runs in, so that the host's own limits on it go on holding.
package protocol ControlGroupHierarchy: AnyObject {
    /// "cgroup v1" or "cgroup v2".
    var name: String { get }

    /// A fresh, empty group with limits. Fails, and leaves nothing, when a limit cannot be set.
    func create(_ name: String, limits: LaunchLimits) throws(SystemError) -> any ControlGroup

    /// Removes everything that this hierarchy made.
    func removeAll()
}

/// One sandbox's group.
package protocol ControlGroup: AnyObject {
    /// A cgroup v2 directory into which clone3(2) puts a child, or -1: then `attach` must be called.
    var birthDescriptor: Int32 { get }

    /// Readable when the kernel has killed for memory, or -1 where the kernel ends the whole group by itself.
    var memoryEvents: Int32 { get }

    func attach(_ pid: Int32) throws(SystemError)

    /// CPU, memory and process figures; what the host does not count is `nil`.
    func usage() -> TreeUsage

    /// Ends every process of the group at once where the kernel can (v2); otherwise does nothing, and the death of the
    /// pid namespace's init does it.
    func killAll()

    /// Removes the group; its processes must be gone. Returns whether it is removed.
    func remove() -> Bool
}
