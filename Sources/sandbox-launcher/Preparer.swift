import CInitPlan
import Glibc
import LaunchPlan
import LinuxSystem

/// The launcher's other process, which makes prepared sandboxes ahead of requests.
///
/// Beside the launcher and not in it, because what it does takes milliseconds and can take tens of them: clone3(2) with a
/// network namespace waits for others that are torn down. It is forked from the launcher when the policies are complete, knows what that knew then, and hears from
/// nobody else. The sandboxes are the launcher's children (CLONE_PARENT), so that they live and die with it.
///
/// It also clears away what is left of sandboxes: whoever removes a group waits for whoever moves into one, on the whole host.
enum Preparer {
    /// What the launcher asks for.
    struct Order: Equatable {
        /// Also in the name of the sandbox's group.
        var number: UInt64
        /// Place of the policy among all, by name.
        var policy: UInt32
        var slot: UInt32
    }

    /// What is left of a sandbox when every process of it has ended.
    struct Remains: Equatable {
        /// Of those that were ordered here.
        var order: UInt64?
        /// Nobody outside can hold anything of its network namespace.
        var keepsNetwork: Bool
        /// It met no limit that its group cannot forget.
        var keepsGroup: Bool
        /// Its group's name, for a group that the preparer did not make.
        var group: String
    }

    /// Forks it.
    ///
    /// - Parameters:
    ///   - policies: in the order of their names.
    ///   - inherited: descriptors of the host's. Of all others it keeps none: they are sockets of sandboxes and of sandboxd, at
    ///     whose other ends somebody waits for the end.
    static func start(
        _ host: Host, _ policies: [PreparedPolicy], inherited: Set<Int32>
    ) throws(SystemError) -> PreparerLink {
        let pair = try DescriptorPair.sockets(SOCK_SEQPACKET)
        let (own, theirs) = pair.release()
        let child = try ForkedChild.fork {
            let needed = inherited.union(policies.map { $0.template.number }).union([theirs])
            guard (try? closeDescriptors(except: needed)) != nil else { return 1 }
            #if SANDBOX_FAULTS
                Fault.becomePreparer()
            #endif
            return serve(host, policies, socket: theirs)
        }
        close(theirs)
        return PreparerLink(process: child, socket: OwnedDescriptor(owning: own))
    }

    /// Until the launcher closes its end.
    private static func serve(_ host: Host, _ policies: [PreparedPolicy], socket: Int32) -> Int32 {
        // Behind everything that somebody waits for, and beside the sandboxes.
        Niceness.set(host.niceness, of: 0)
        // The sandboxes have it from here. To raise one's own needs no right.
        guard
            (try? MemoryPressureScore.set(MemoryPressureScore.ofSandboxes, of: getpid(), proc: host.proc)) != nil
        else { return 1 }
        var bench = PreparerBench(host: host, policies: policies, socket: socket)
        while bench.work() {}
        return 0
    }
}
