import Glibc
import LaunchPlan

/// cgroup v1: one directory per mounted hierarchy, each with one controller or several. Kernel documentation
/// `admin-guide/cgroup-v1/`.
final class SplitHierarchy: ControlGroupHierarchy {
    let resources: ResourceControl
    private let homes: SplitHomes
    private let homeName: String

    /// Our own directories, and the name of each. What every run is put into costs it 40 to 100 us a hierarchy: therefore
    /// no freezer, which nothing here needs, and `blkio` only for runs with a rate.
    private struct SplitHomes {
        /// Without the second name of directories that two controllers share.
        var always: [SplitHome] = []
        /// `nil` where `blkio` is not mounted, or is one of those above.
        var forRates: SplitHome?

        var all: [SplitHome] { always + (forRates.map { [$0] } ?? []) }

        func home(of controller: String) -> SplitHome? { all.first { $0.controllers.contains(controller) } }
    }

    /// `parents`: this process's group by controller. Returns `nil` when another launcher has the name.
    static func claim(_ name: String, below parents: [String: Directory]) throws(SystemError) -> SplitHierarchy? {
        var places: [(parent: Directory, controllers: Set<String>)] = []
        // In one order for all launchers, so that of two that begin at once one gets everything.
        for controller in parents.keys.sorted() {
            let parent = parents[controller]!
            var known: Int?
            for index in places.indices where try places[index].parent.isSame(as: parent) { known = index }
            if let known {
                places[known].controllers.insert(controller)
            } else {
                places.append((parent, [controller]))
            }
        }
        var homes = SplitHomes()
        for (parent, controllers) in places {
            let claimed: Directory?
            do {
                claimed = try parent.claimSubdirectory(name)
            } catch {
                // A container may be given this one to read only. Then there are no rates.
                guard controllers == ["blkio"] else { throw error }
                continue
            }
            guard let claimed else {
                for home in homes.all { try? home.parent.removeSubdirectory(name) }
                return nil
            }
            let home = SplitHome(parent: parent, directory: claimed, controllers: controllers)
            if controllers == ["blkio"] { homes.forRates = home } else { homes.always.append(home) }
        }
        return SplitHierarchy(homes, name: name)
    }

    private init(_ homes: SplitHomes, name: String) {
        self.homes = homes
        homeName = name
        resources = ResourceControl(version: 1, features: Self.features(homes))
        removeLeftovers()
    }

    /// Writes have no rate here: those that go through the page cache, nearly all, are charged to nobody.
    private static func features(_ homes: SplitHomes) -> ResourceControl.Features {
        var features: ResourceControl.Features = [.memoryPeak, .ofRoot]
        func add(_ feature: ResourceControl.Features, if controller: String, has file: String) {
            if homes.home(of: controller)?.directory.has(file) == true { features.insert(feature) }
        }
        add(.swap, if: "memory", has: "memory.memsw.limit_in_bytes")
        add(.processesPeak, if: "pids", has: "pids.peak")
        add(.readRate, if: "blkio", has: "blkio.throttle.read_bps_device")
        return features
    }

    func create(_ name: String, limits: LaunchLimits, rates: [DiskRate]) throws(SystemError) -> any ControlGroup {
        let used = rates.isEmpty ? homes.always : homes.all
        let made = try Directory.makeFresh(name, in: used.map(\.directory))
        let group: SplitGroup
        do {
            group = try SplitGroup(name: made, homes: used, features: resources.features)
            try group.apply(limits, rates)
        } catch {
            for home in used { try? home.directory.removeSubdirectory(made) }
            throw error
        }
        return group
    }

    func adopt(_ name: String, limits: LaunchLimits, memoryEvents: Int32) throws(SystemError) -> any ControlGroup {
        let group = try SplitGroup(name: name, homes: homes.always, features: resources.features)
        group.take(limits, memoryEvents)
        return group
    }

    func foreign(of pid: Int32, named name: String, limits: LaunchLimits) throws(SystemError) -> any ControlGroup {
        let paths = try ForeignGroup.paths(of: pid)
        let mounts = try ForeignGroup.mounts()
        var places: [SplitHome] = []
        var found = name
        for home in homes.all {
            guard let controller = home.controllers.first, let path = paths[controller], let mount = mounts[controller]
            else { throw SystemError("find the group of", "\(pid)", errno: ENOENT) }
            let place = try ForeignGroup(path, below: mount, named: name)
            found = place.name
            places.append(SplitHome(parent: place.parent, directory: place.parent, controllers: home.controllers))
        }
        // That peak has seen what the engine did in it.
        let features = resources.features.subtracting(.processesPeak)
        let group = try SplitGroup(name: found, homes: places, features: features, isForeign: true)
        try group.apply(limits, [])
        group.forgetPeak()
        group.startCounting(from: group.processorTime())
        return group
    }

    func remove(_ name: String) -> Bool { homes.all.remove(name) }

    var names: [String] {
        Array(homes.all.reduce(into: Set()) { $0.formUnion((try? $1.directory.subdirectories()) ?? []) })
    }

    @discardableResult
    func removeAll() -> Bool {
        removeLeftovers()
        // Left when somebody is in it; the next start finds and removes it.
        return homes.all.reduce(true) { (try? $1.parent.removeSubdirectory(homeName)) != nil && $0 }
    }

    var paths: [String] { homes.all.map(\.directory.path) }

    /// Groups of a launcher that was killed. Its sandboxes died with it, so the groups are empty.
    private func removeLeftovers() {
        for home in homes.all.map(\.directory) {
            for entry in (try? home.subdirectories()) ?? [] {
                try? home.removeSubdirectory(entry)
            }
        }
    }
}

/// Our directory in one mounted hierarchy, with what that hierarchy controls.
struct SplitHome {
    let parent: Directory
    let directory: Directory
    let controllers: Set<String>
}

extension [SplitHome] {
    /// Returns whether none of it is left.
    func remove(_ name: String) -> Bool {
        var isRemoved = true
        for home in self {
            do {
                try home.directory.removeSubdirectory(name)
            } catch {
                // ENOENT: removed the last time that this was tried, or never made here.
                if error.errno != ENOENT { isRemoved = false }
            }
        }
        return isRemoved
    }
}
