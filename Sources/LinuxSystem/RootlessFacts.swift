import CSandbox
import Glibc

/// What an ordinary user can have on this host instead of root, found by trying it where nothing stays of it. For `doctor`; a
/// launcher tries by itself.
package struct RootlessFacts: Sendable, Equatable {
    /// What an ordinary user lacks to have sandboxes at all.
    package enum Lack: Sendable, Equatable {
        case userNamespace(errno: Int32)
        /// It comes without its capabilities: AppArmor.
        case capabilities(errno: Int32)
        /// Something covers a part of this /proc, as in a container: the kernel then lets nobody mount another.
        case ownProc(errno: Int32)
    }

    package enum Group: Sendable, Equatable {
        /// This process's own, delegated, with these controllers.
        case own(controllers: [String])
        /// The user's service manager answers, and gives groups with these.
        case fromManager(controllers: [String])
        /// Why there is none.
        case none(String)
    }

    package var uid: UInt32
    /// `nil`: nothing; also for root, who need not try.
    package var lack: Lack?
    package var barrier: UserNamespaceBarrier?
    package var group: Group

    package init(uid: UInt32, lack: Lack?, barrier: UserNamespaceBarrier?, group: Group) {
        self.uid = uid
        self.lack = lack
        self.barrier = barrier
        self.group = group
    }

    /// - Parameter runtimeDirectory: `$XDG_RUNTIME_DIR`.
    package static func current(runtimeDirectory: String?) -> RootlessFacts {
        RootlessFacts(
            uid: geteuid(), lack: geteuid() == 0 ? nil : findLack(), barrier: .ofThisHost(),
            group: findGroup(runtimeDirectory))
    }

    private static func findLack() -> Lack? {
        var (pidfd, stage): (Int32, Int32) = (-1, 0)
        let pid = sandbox_try_namespaces(&pidfd, &stage)
        let code = errno
        if pid > 0 { _ = try? ForkedChild(pid: pid, pidfd: OwnedDescriptor(owning: pidfd)).reap() }
        switch stage {
        case 0: return nil
        case 1: return .userNamespace(errno: code)
        case 2: return .capabilities(errno: code)
        default: return .ownProc(errno: code)
        }
    }

    private static func findGroup(_ runtimeDirectory: String?) -> Group {
        guard let mount = try? MountTable.read().first(where: { $0.type == "cgroup2" }),
            let root = try? Directory(mount.path), ControlGroupDetection.hasDelegable(root)
        else { return .none("this host has no cgroup v2 with memory and pids") }
        if let own = try? ControlGroupDetection.delegatedGroup() {
            return .own(controllers: controllers(own))
        }
        guard UserScope.managerAnswers(runtimeDirectory: runtimeDirectory) else {
            return .none("no service manager of this user runs")
        }
        let uid = getuid()
        let path = "\(mount.path)/user.slice/user-\(uid).slice/user@\(uid).service"
        let given = (try? Directory(path)).map(controllers) ?? []
        guard ["memory", "pids"].allSatisfy(given.contains) else {
            return .none("this user's service manager was given no memory and pids to give")
        }
        return .fromManager(controllers: given)
    }

    private static func controllers(_ group: Directory) -> [String] {
        ((try? group.read("cgroup.controllers")) ?? "").split(whereSeparator: \.isWhitespace).map(String.init)
    }
}
