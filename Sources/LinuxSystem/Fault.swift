// Not a line of this is in a release build.
#if SANDBOX_FAULTS
    import Glibc

    /// A place in the life of a launch at which a test can have something go wrong.
    package struct FaultPoint: Hashable, Sendable, CustomStringConvertible {
        /// Whose.
        package enum Place: UInt32, Sendable {
            case daemon = 1
            case launcher, preparer
            /// A step that has a name (`LaunchStage`), by its number, before it is done: it can fail.
            case launcherStep, preparerStep
            /// A step of sandbox-init, by its stage's number, after it was done.
            case sandbox
        }

        package enum Daemon: UInt32, Sendable, CaseIterable {
            case launcherStarted = 1
            case policiesSent, frameDecoded, validated, pipesMade, requestSent, startTaken, endTaken, answerHalfWritten
        }

        /// Of the launcher, and, where it makes sandboxes, of the preparer.
        package enum Launcher: UInt32, Sendable, CaseIterable {
            case claimed = 1
            case policyTaken, requestReceived, requestChecked, identityTaken, groupMade, initCloned, mapsWritten
            case workspaceOpened, handedOver, startHeard, endHeard, beforeEndTold, endTold, beforeRemoval
            case orderReceived, sandboxReady, sandboxTold
        }

        package let place: Place
        package let number: UInt32
        package let description: String

        private init(_ place: Place, _ number: UInt32, _ name: String) {
            self.place = place
            self.number = number
            description = name
        }

        package static func daemon(_ point: Daemon) -> Self { Self(.daemon, point.rawValue, "sandboxd: \(point)") }
        package static func launcher(_ point: Launcher) -> Self {
            Self(.launcher, point.rawValue, "launcher: \(point)")
        }
        package static func preparer(_ point: Launcher) -> Self {
            Self(.preparer, point.rawValue, "preparer: \(point)")
        }
        package static func launcherStep(_ stage: UInt16, _ name: String) -> Self {
            Self(.launcherStep, UInt32(stage), "launcher, step: \(name)")
        }
        package static func preparerStep(_ stage: UInt16, _ name: String) -> Self {
            Self(.preparerStep, UInt32(stage), "preparer, step: \(name)")
        }
        package static func sandbox(_ stage: UInt16, _ name: String) -> Self {
            Self(.sandbox, UInt32(stage), "sandbox-init: \(name)")
        }
    }

    package enum FaultAction: UInt32, Sendable {
        /// SIGKILL for itself.
        case kill = 1
        /// SIGSTOP for itself: a test then ends whom it likes, at exactly this point, and may let this one go on.
        case stop
        /// Goes on never, whatever comes; SIGKILL ends it.
        case hang
        /// The step fails with an errno.
        case fail
    }

    /// A page of memory that a test shares with every process of a service: it writes the one point that is to go wrong, and reads who
    /// came to it, and when. The file's name is in sandboxd's environment, where root alone can put it.
    package struct FaultPage {
        var place: UInt32 = 0
        var number: UInt32 = 0
        var action: UInt32 = 0
        var errno: Int32 = 0
        /// Of the process that came to the point.
        package var pid: Int32 = 0
        /// CLOCK_MONOTONIC, nanoseconds; 0: nobody has come to it.
        package var firedAt: UInt64 = 0

        package static let bytes = 4096

        /// Of a file with as many bytes, which must exist. The mapping lasts as long as the process.
        package static func map(_ path: String) -> UnsafeMutablePointer<FaultPage>? {
            let file = open(path, O_RDWR | O_CLOEXEC)
            guard file >= 0 else { return nil }
            defer { close(file) }
            let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
            guard let memory, memory != MAP_FAILED else { return nil }
            return memory.bindMemory(to: FaultPage.self, capacity: 1)
        }
    }

    extension UnsafeMutablePointer<FaultPage> {
        /// Nobody may be on the way to a point meanwhile. What makes it count is written last.
        package func arm(_ point: FaultPoint, _ action: FaultAction, errno: Int32 = 0) {
            pointee.place = 0
            (pointee.number, pointee.action, pointee.errno) = (point.number, action.rawValue, errno)
            (pointee.pid, pointee.firedAt) = (0, 0)
            pointee.place = point.place.rawValue
        }

        package func disarm() { pointee.place = 0 }

        /// Takes the point, once for all processes.
        fileprivate func take(_ place: FaultPoint.Place, _ number: UInt32) -> FaultAction? {
            guard pointee.place == place.rawValue, pointee.number == number else { return nil }
            pointee.place = 0
            return FaultAction(rawValue: pointee.action)
        }

        fileprivate func tell(_ pid: Int32) {
            pointee.pid = pid
            pointee.firedAt = monotonicNanoseconds()
        }
    }

    /// Where this process is at.
    package enum Fault {
        package static let variable = "SANDBOX_FAULTS"

        private static let path = getenv(variable).map { String(cString: $0) }
        // The page is shared memory: whoever comes to a point first takes it, and tests arm one at a time.
        nonisolated(unsafe) private static let page = path.flatMap(FaultPage.map)
        // Set once, by a process of one thread that was just forked.
        nonisolated(unsafe) private static var isPreparer = false

        /// While this process may open the file.
        package static func begin() { _ = page }

        package static func becomePreparer() { isPreparer = true }

        /// For a program that this one starts.
        package static var environment: [String] { path.map { ["\(variable)=\($0)"] } ?? [] }

        package static func reach(_ point: FaultPoint.Daemon) { act(.daemon, point.rawValue) }

        package static func reach(_ point: FaultPoint.Launcher) {
            act(isPreparer ? .preparer : .launcher, point.rawValue)
        }

        /// Whether a point is to be reached next: for what has to be done in another way then.
        package static func expects(_ point: FaultPoint.Daemon) -> Bool {
            page.map { $0.pointee.place == FaultPoint.Place.daemon.rawValue && $0.pointee.number == point.rawValue }
                ?? false
        }

        /// Before a step that can fail.
        package static func step(_ stage: UInt16, _ name: @autoclosure () -> String) throws(SystemError) {
            guard act(isPreparer ? .preparerStep : .launcherStep, UInt32(stage)) == .fail, let page else { return }
            throw SystemError("do what a test lets fail in", name(), errno: page.pointee.errno)
        }

        /// What a new pid 1 is told: a stage (0: none), an action, an errno.
        package static func forSandbox() -> [UInt8] {
            guard let page, page.pointee.place == FaultPoint.Place.sandbox.rawValue else { return [0, 0, 0] }
            page.pointee.place = 0
            return [page.pointee.number, page.pointee.action, UInt32(page.pointee.errno)].map(UInt8.init)
        }

        /// Who it is that was told.
        package static func tellSandbox(_ pid: Int32) { page?.tell(pid) }

        @discardableResult
        private static func act(_ place: FaultPoint.Place, _ number: UInt32) -> FaultAction? {
            guard let page, let action = page.take(place, number) else { return nil }
            page.tell(getpid())
            switch action {
            case .kill: kill(getpid(), SIGKILL)
            // To this thread, which then goes not one step further; to the process it would be any thread's to take.
            case .stop: raise(SIGSTOP)
            case .hang: while true { poll(nil, 0, -1) }
            case .fail: break
            }
            return action
        }
    }
#endif
