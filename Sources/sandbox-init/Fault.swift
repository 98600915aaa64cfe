// Not a line of this is in a release build.
#if SANDBOX_FAULTS
    import CInit
    import CInitPlan

    /// The step that a test has go wrong, as the launcher has told it. A copy of it is in the command's process.
    enum Fault {
        // Set by pid 1 before it has a child; one thread each.
        nonisolated(unsafe) private static var stage: UInt32 = 0
        nonisolated(unsafe) private static var action: UInt8 = 0
        nonisolated(unsafe) private static var error: UInt8 = 0

        // As `FaultAction` has them.
        private static let end: UInt8 = 1
        private static let hang: UInt8 = 3
        private static let fail: UInt8 = 4

        /// Bytes that follow the launcher's first one.
        static func take(_ word: (UInt8, UInt8, UInt8)) { (stage, action, error) = (UInt32(word.0), word.1, word.2) }

        /// A step's result, or what the test makes of it.
        static func pass(_ reached: init_stage, _ result: Int) -> Int {
            guard stage != 0, reached.rawValue == stage else { return result }
            stage = 0
            switch action {
            case end:
                // SIGKILL of its own is nothing to pid 1.
                _ = System.call(__NR_kill, System.call(__NR_getpid), Signal.kill)
                System.exit(137)
            case hang:
                let name: StaticString = "hangs"
                _ = System.call(__NR_prctl, Prctl.setName, System.address(name))
                while true { _ = System.call(__NR_ppoll, 0, 0, 0, 0) }
            case fail: return -Int(error)
            default: return result
            }
        }
    }
#endif
