import CSandbox
import Glibc
import LaunchPlan
import LinuxSystem

/// A mount namespace whose root is what a policy's sandboxes see, made once. Each sandbox begins as a copy of it, in a
/// user namespace of its own, and therefore finds every mount in it locked.
enum TemplateNamespace {
    /// A child that builds one, while the launcher does something else. Ends with this object.
    final class Builder {
        private let child: ForkedChild
        private let results: OwnedDescriptor
        /// Its end ends the child.
        private let gate: OwnedDescriptor

        fileprivate init(
            _ child: consuming ForkedChild, results: consuming OwnedDescriptor, gate: consuming OwnedDescriptor
        ) {
            self.child = child
            self.results = results
            self.gate = gate
        }

        deinit { child.killAndReap() }

        func finish(_ host: Host) throws(LaunchFailure) -> OwnedDescriptor {
            do throws(SystemError) {
                try readResult(results)
                return try MountNamespace.open(of: child.pid, proc: host.proc)
            } catch {
                throw LaunchFailure(.template, error)
            }
        }
    }

    /// - Parameter makesDevices: else the host's own are shown: only its root can make any.
    static func begin(
        _ policy: CompiledPolicy, contents: TemplateContents, executables: ExecutableTree, makesDevices: Bool
    ) throws(LaunchFailure) -> Builder {
        do throws(SystemError) {
            let results = try DescriptorPair.pipe()
            let gate = try DescriptorPair.pipe()
            let (resultsWrite, gateRead) = (results.second.number, gate.first.number)
            let gateWrite = gate.second.number
            // A pid namespace that is thrown away: the template's /proc shows its processes, which is nobody. The kernel
            // wants to see a /proc before a sandbox may mount its own, and this one tells nothing to who uncovers it.
            let here = Processor.current
            let child = try ForkedChild.fork(namespaces: [.mount, .pid]) {
                Processor.leave(here)
                close(gateWrite)
                return runBuilder(policy, contents, executables, makesDevices, results: resultsWrite, gate: gateRead)
            }
            // Only the builder holds the writing end now: its death is the end of the pipe.
            return Builder(child, results: results.closingSecond(), gate: gate.closingFirst())
        } catch {
            throw LaunchFailure(.template, error)
        }
    }

    /// In the child. Tells how it went and then keeps the namespace alive until it is killed.
    private static func runBuilder(
        _ policy: CompiledPolicy, _ contents: TemplateContents, _ executables: ExecutableTree, _ makesDevices: Bool,
        results: Int32, gate: Int32
    ) -> Int32 {
        var message: [UInt8]
        do throws(SystemError) {
            try assemble(policy, contents, executables, makesDevices)
            message = [0]
        } catch {
            message = [1] + withUnsafeBytes(of: error.errno.littleEndian) { Array($0) }
            message += Array("\(error.call) \(error.subject)".utf8.prefix(2000))
        }
        _ = write(results, message, message.count)
        var byte: UInt8 = 0
        _ = read(gate, &byte, 1)
        return 0
    }

    fileprivate static func readResult(_ results: borrowing OwnedDescriptor) throws(SystemError) {
        var message = [UInt8](repeating: 0, count: 2048)
        let number = results.number
        let count = try system("read the builder's result") { read(number, &message, message.count) }
        guard count > 0 else { throw SystemError("build a root file system", errno: ECHILD) }
        guard message[0] != 0 else { return }
        let code = message[1..<5].reversed().reduce(Int32(0)) { $0 << 8 | Int32($1) }
        throw SystemError(String(decoding: message[5..<count], as: UTF8.self), errno: code)
    }

    private static func assemble(
        _ policy: CompiledPolicy, _ contents: TemplateContents, _ executables: ExecutableTree, _ makesDevices: Bool
    ) throws(SystemError) {
        try MountNamespace.makePrivate()
        let tree = try DetachedMount.temporary(
            options: ["size": "8m", "nr_inodes": "4096", "mode": "0755"], [.noSuid, .noExec])
        try TemplateTree(root: Directory(owning: try tree.duplicate(), path: ""), makesDevices: makesDevices)
            .fill(contents)
        // Any directory will do: nobody else sees this namespace.
        try DetachedMount.attach(tree, at: "/tmp", below: AT_FDCWD)
        try system("change directory", "/tmp") { chdir("/tmp") }
        if !makesDevices { try TemplateTree.showDevices() }
        let plain: DetachedMount.Attributes = [.readOnly, .noSuid, .noDev]
        let shownAttributes = executables.isRestricted ? plain.union(.noExec) : plain
        for shown in contents.shown { try show(shown.path, shownAttributes) }
        // On top of one another, so in this order: what can be mapped, what of it cannot, what can be executed.
        for directory in executables.libraries { try show(directory, plain) }
        for program in executables.covered { try show(program, shownAttributes) }
        for loader in executables.loaders where !executables.isWithinLibraries(loader) { try show(loader, plain) }
        for program in executables.programs { try show(program.path, plain) }
        let flags = UInt(MS_NOSUID) | UInt(MS_NODEV) | UInt(MS_NOEXEC)
        try system("mount", "proc") { mount("proc", "proc", "proc", flags, nil) }
        for path in policy.hidePaths { try hide(path) }
        try DetachedMount.restrict(tree, [.readOnly, .noSuid, .noExec], recursive: false)
        try MountNamespace.pivotHere()
    }

    private static func show(_ path: String, _ attributes: DetachedMount.Attributes) throws(SystemError) {
        let flags = SANDBOX_O_PATH | O_CLOEXEC
        let source = OwnedDescriptor(owning: try system("open", path) { open(path, flags) })
        // With what is mounted below it, or that would become visible which those mounts cover.
        let tree = try DetachedMount.clone(of: source.number, recursive: true)
        try DetachedMount.restrict(tree, attributes, recursive: true)
        try DetachedMount.attach(tree, at: String(path.dropFirst()), below: AT_FDCWD)
    }

    /// Covers again what the host has put in the place of something hidden since: the kernel drops a cover with the file
    /// under it, also when another one takes its name (rename(2)), and what was not there could not be covered.
    ///
    /// In the template's namespace, at its root. A cover is the template's own file. Returns whether anything had to be
    /// covered.
    static func keepHidden(_ paths: [String]) throws(SystemError) -> Bool {
        guard !paths.isEmpty else { return false }
        var root = stat()
        try system("describe a root", "/") { stat("/", &root) }
        var hasHidden = false
        for path in paths {
            var status = stat()
            if stat(path, &status) == 0, status.st_dev == root.st_dev { continue }
            if try hide(path) { hasHidden = true }
        }
        return hasHidden
    }

    /// Fails where something that must be hidden is not: the host has just replaced it. In the template's namespace.
    static func requireHidden(_ paths: [String]) throws(SystemError) {
        guard !paths.isEmpty else { return }
        var root = stat()
        try system("describe a root", "/") { stat("/", &root) }
        for path in paths {
            var status = stat()
            if stat(path, &status) == 0 {
                guard status.st_dev == root.st_dev else { throw SystemError("hide", path, errno: EAGAIN) }
            } else if errno != ENOENT {
                throw SystemError("hide", path, errno: errno)
            }
        }
    }

    /// Returns whether there was anything to hide.
    @discardableResult
    private static func hide(_ path: String) throws(SystemError) -> Bool {
        var status = stat()
        let inside = String(path.dropFirst())
        guard stat(inside, &status) == 0 else {
            // Not there: nothing to hide. Anything else is not taken for "not there".
            if errno == ENOENT { return false }
            throw SystemError("hide", path, errno: errno)
        }
        let cover = status.st_mode & S_IFMT == S_IFDIR ? ".mask/directory" : ".mask/file"
        try system("hide", path) { mount(cover, inside, nil, UInt(MS_BIND), nil) }
        // The tree that the cover is from is not read-only yet.
        let flags =
            UInt(MS_REMOUNT) | UInt(MS_BIND) | UInt(MS_RDONLY) | UInt(MS_NOSUID) | UInt(MS_NODEV) | UInt(MS_NOEXEC)
        try system("hide", path) { mount(nil, inside, nil, flags, nil) }
        return true
    }
}
