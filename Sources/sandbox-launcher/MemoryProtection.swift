import CSandbox
import LinuxSystem

/// What this kernel can forbid about memory and files in memory. What it cannot, the filter refuses instead.
struct MemoryProtection {
    /// PR_SET_MDWE, Linux 6.3, `PR_SET_MDWE(2const)`.
    let hasWriteExecuteRefusal: Bool
    /// The sysctl `vm.memfd_noexec` of a pid namespace, Linux 6.3. The host's root alone may set it.
    let hasMemoryFileRule: Bool

    init(proc: Directory, rights: HostRights) {
        hasWriteExecuteRefusal = sandbox_has_write_execute_refusal() != 0
        hasMemoryFileRule = rights.isRoot && (try? proc.read("sys/vm/memfd_noexec")) != nil
    }
}
