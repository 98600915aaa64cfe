import Glibc
import SeccompFilter
import Testing

#if arch(x86_64)
    /// The compiled program, instruction by instruction.
    @Suite struct FilterTests {
        private func simulator(_ change: (inout FilterRequest) -> Void = { _ in }) throws -> FilterSimulator {
            var request = FilterRequest()
            change(&request)
            return FilterSimulator(try FilterCompiler.compile(request))
        }

        private static func number(_ name: String) throws -> Int32 {
            try #require((0..<512).first { SystemCallCatalog.name(of: $0) == name })
        }

        /// The program does what the catalog says, for every call that there is.
        @Test func everyCallIsAnsweredAsTheCatalogSays() throws {
            let filter = try simulator()
            for number in Int32(0)..<450 {
                guard let name = SystemCallCatalog.name(of: number) else { continue }
                let answer = filter.answer(number)
                switch SystemCallCatalog.decide(name, allow: [], deny: []).kind {
                case .allowed: #expect(answer == .allow, "\(name)")
                case .refused, .neverAllowed: #expect(answer == .notify, "\(name)")
                case .missing:
                    #expect(answer == .error(UInt32(SystemCallCatalog.answer(toMissing: name))), "\(name)")
                case .conditional: break
                }
            }
        }

        static let requests: [FilterRequest] = {
            var all: [FilterRequest] = [FilterRequest()]
            func add(_ change: (inout FilterRequest) -> Void) {
                var request = FilterRequest()
                change(&request)
                all.append(request)
            }
            add { $0.watched = [.connect, .execute, .send] }
            add { ($0.refusesMemoryFiles, $0.refusesExecutableMemory) = (true, true) }
            add { $0.refusesExecutableSharedMemory = true }
            add { $0.limitsOwnProcessOnly = true }
            add { $0.deny = ["network-client", "ptrace", "clone"] }
            add { $0.allow = ["ptrace"] }
            return all
        }()

        /// What is installed has less than a quarter of the instructions of libseccomp's program, and answers as that
        /// does.
        @Test(arguments: requests) func rangesAnswerAsNumbersDo(_ request: FilterRequest) throws {
            let byNumber = try FilterCompiler.compileByNumber(request)
            let byRange = try FilterCompiler.compile(request)
            #expect(byRange.count * 4 < byNumber.count, "\(byRange.count) of \(byNumber.count)")
            let (expected, answers) = (FilterSimulator(byNumber), FilterSimulator(byRange))
            var constants: Set<UInt64> = [0, 1, .max, 1 << 32]
            for constant in expected.constants.map(UInt64.init) {
                constants.formUnion([constant, constant &+ 1, constant &- 1, constant << 32, constant << 32 | constant])
            }
            let numbers = Array(Int32(-2)...520) + [0x3fff_ffff, 0x4000_0000, 0x4000_0101, .max, .min]
            var random = SplitMix(seed: 1)
            for number in numbers {
                let arguments = (0..<30).map { _ in (0..<6).map { _ in constants.randomElement(using: &random) ?? 0 } }
                for arguments in arguments + [[]] {
                    let (one, other) = (expected.answer(number, arguments), answers.answer(number, arguments))
                    #expect(one == other, "call \(number) \(arguments)")
                }
            }
            for architecture in [FilterSimulator.i386, 0, 0xc000_00b7, 0xc000_003f] {
                for number in [Int32(0), 3, 59, 511] {
                    let one = expected.answer(number, architecture: architecture)
                    #expect(one == answers.answer(number, architecture: architecture))
                }
            }
        }

        /// The kernel finds the same calls always allowed as in libseccomp's program, and soon.
        @Test(arguments: requests) func theKernelFindsWhatIsAlwaysAllowed(_ request: FilterRequest) throws {
            let byNumber = FilterSimulator(try FilterCompiler.compileByNumber(request))
            let byRange = FilterSimulator(try FilterCompiler.compile(request))
            let followed = (Int32(0)..<600).map { byRange.followed($0) }
            #expect(followed.map(\.isAllowed) == (0..<600).map { byNumber.followed($0).isAllowed })
            #expect(followed.count { $0.isAllowed } > 200)
            #expect((followed.map(\.steps).max() ?? 0) <= 14)
            #expect(followed.reduce(0) { $0 + $1.steps } < 600 * 10)
            #expect((0..<600).allSatisfy { !byRange.followed($0, architecture: FilterSimulator.i386).isAllowed })
        }

        @Test func numbersThatNobodyKnowsAreRefused() throws {
            let filter = try simulator()
            for number in [Int32(500), 511] { #expect(filter.answer(number) == .error(UInt32(ENOSYS))) }
            for number in [Int32(335), 423, 512, 4096, .max, -1, .min] {
                #expect(filter.answer(number) == .notify, "\(number)")
            }
        }

        @Test func otherArchitecturesAreRefused() throws {
            let filter = try simulator()
            #expect(filter.answer(3, architecture: FilterSimulator.i386) == .notify)
            #expect(filter.answer(11, architecture: FilterSimulator.i386) == .notify)
            #expect(filter.answer(0, architecture: 0) == .notify)
            // x32: read, and openat, with bit 30.
            #expect(filter.answer(0x4000_0000) == .notify)
            #expect(filter.answer(0x4000_0101) == .notify)
        }

        /// CVE-2019-10063: the kernel looks at 32 bits of these arguments, a filter sees 64.
        @Test(arguments: [UInt64(0), 1 << 32, 0xffff_ffff << 32])
        func upperHalvesChangeNothing(_ upper: UInt64) throws {
            let filter = try simulator()
            let ioctl = try Self.number("ioctl")
            for request in [UInt64(0x5412), 0x541c, 0x5423] {
                #expect(filter.answer(ioctl, [0, upper | request]) == .notify)
            }
            #expect(filter.answer(ioctl, [0, upper | 0x5413]) == .allow)
            let socket = try Self.number("socket")
            #expect(filter.answer(socket, [upper | 38, 5, 0]) == .notify)
            #expect(filter.answer(socket, [upper | 2, 1, 0]) == .allow)
            #expect(filter.answer(socket, [upper | 2, 1, upper | 132]) == .notify)
            // DCCP by its type; the flags beside the type do not matter.
            #expect(filter.answer(socket, [upper | 2, upper | 6, 0]) == .notify)
            #expect(filter.answer(socket, [upper | 2, upper | 0o2000001, 0]) == .allow)
            #expect(filter.answer(socket, [upper | 16, upper | 0o2000003, 0]) == .allow)
            #expect(filter.answer(socket, [upper | 2, upper | 3, 6]) == .notify)
            let personality = try Self.number("personality")
            #expect(filter.answer(personality, [upper | 0x40_0000]) == .notify)
            #expect(filter.answer(personality, [upper | 0xffff_ffff]) == .allow)
        }

        @Test func everyBitOfANamespaceIsSeen() throws {
            let filter = try simulator()
            let clone = try Self.number("clone")
            #expect(filter.answer(clone, [0x3d0f00 | 17]) == .allow)
            for bit in [17, 25, 26, 27, 28, 29, 30] {
                #expect(filter.answer(clone, [UInt64(1) << bit | 0x3d0f00 | 17]) == .notify, "bit \(bit)")
                #expect(filter.answer(clone, [UInt64(1) << bit | 1 << 40]) == .notify, "bit \(bit)")
            }
        }

        @Test func setIdBitsInEveryCallThatMakesFiles() throws {
            let filter = try simulator()
            let created = UInt64(O_CREAT)
            let modes: [UInt64] = [0o4755, 0o2755, 0o6777, 0o2_0000_0004_000]
            for mode in modes {
                for name in ["chmod", "fchmod", "creat", "mkdir"] {
                    #expect(filter.answer(try Self.number(name), [0, mode]) == .notify, "\(name)")
                }
                for name in ["fchmodat", "mkdirat"] {
                    #expect(filter.answer(try Self.number(name), [0, 0, mode]) == .notify, "\(name)")
                }
                #expect(filter.answer(try Self.number("open"), [0, created, mode]) == .notify)
                #expect(filter.answer(try Self.number("openat"), [0, 0, created, mode]) == .notify)
                #expect(filter.answer(try Self.number("open"), [0, 0o20_200_000, mode]) == .notify, "O_TMPFILE")
                #expect(filter.answer(try Self.number("mknod"), [0, UInt64(S_IFREG) | mode]) == .notify)
            }
            // Without O_CREAT the mode is whatever the register held.
            #expect(filter.answer(try Self.number("open"), [0, 0, 0o4755]) == .allow)
            #expect(filter.answer(try Self.number("mknod"), [0, UInt64(S_IFIFO) | 0o644]) == .allow)
            for type in [S_IFCHR, S_IFBLK] {
                #expect(filter.answer(try Self.number("mknod"), [0, UInt64(type) | 0o644]) == .notify)
                #expect(filter.answer(try Self.number("mknodat"), [0, 0, UInt64(type) | 0o644]) == .notify)
            }
        }

        @Test func policiesAddAndTakeAway() throws {
            let filter = try simulator {
                $0.allow = ["userfaultfd", "debug"]
                $0.deny = ["network-client", "fork"]
            }
            #expect(filter.answer(try Self.number("userfaultfd")) == .allow)
            #expect(filter.answer(try Self.number("kcmp")) == .allow)
            #expect(filter.answer(try Self.number("socket"), [1, 1, 0]) == .notify)
            #expect(filter.answer(try Self.number("fork")) == .notify)
        }

        @Test func whatNoPolicyCanAllow() throws {
            for name in ["unshare", "bpf", "io_uring_setup", "mount", "clone3"] {
                #expect(throws: FilterError.neverAllowed(name)) { try simulator { $0.allow = [name] } }
            }
            #expect(throws: FilterError.unknownCall("no_such_call")) { try simulator { $0.deny = ["no_such_call"] } }
            // As part of a group they stay refused.
            let filter = try simulator { $0.allow = ["namespaces", "mounts"] }
            #expect(filter.answer(try Self.number("unshare")) == .notify)
            #expect(filter.answer(try Self.number("mount")) == .notify)
        }

        @Test func watchedCallsGoToPidOne() throws {
            let filter = try simulator { $0.watched = [.connect, .execute, .send] }
            for name in ["connect", "execve", "execveat"] { #expect(filter.answer(try Self.number(name)) == .notify) }
            let send = try Self.number("sendto")
            #expect(filter.answer(send, [3, 1, 1, 0, 0, 0]) == .allow)
            #expect(filter.answer(send, [3, 1, 1, 0, 1 << 33, 16]) == .notify)
        }

        @Test func limitsOfOthers() throws {
            let prlimit = try Self.number("prlimit64")
            let usual = try simulator { _ in }
            #expect(usual.answer(prlimit, [1, 7, 1 << 40]) == .allow)
            let own = try simulator { $0.limitsOwnProcessOnly = true }
            for process in [UInt64(0), 1 << 32] {
                #expect(own.answer(prlimit, [process, 7, 1 << 40]) == .allow)
                #expect(own.answer(prlimit, [process, 4, 0]) == .allow)
                #expect(own.answer(prlimit, [process, 4, 1 << 40]) == .error(0))
            }
            for process in [UInt64(1), 2, 0xffff_ffff] {
                #expect(own.answer(prlimit, [process, 7, 1 << 40]) == .notify)
                #expect(own.answer(prlimit, [process, 7, 0]) == .notify)
                #expect(own.answer(prlimit, [process, 4, 0]) == .notify)
            }
        }

        @Test func memoryThatIsWrittenAndExecuted() throws {
            let filter = try simulator {
                $0.refusesExecutableMemory = true
                $0.refusesExecutableSharedMemory = true
                $0.refusesMemoryFiles = true
            }
            let (mmap, mprotect) = (try Self.number("mmap"), try Self.number("mprotect"))
            #expect(filter.answer(mmap, [0, 4096, 3, 0x40022]) == .notify)
            for protection in [UInt64(0), 1, 3, 5] { #expect(filter.answer(mmap, [0, 4096, protection]) == .allow) }
            let refused: [UInt64] = [6, 7, 0x100_0000_0007]
            for protection in refused {
                #expect(filter.answer(mmap, [0, 4096, protection]) == .notify)
            }
            #expect(filter.answer(mprotect, [0, 4096, 3]) == .allow)
            #expect(filter.answer(mprotect, [0, 4096, 5]) == .notify)
            #expect(filter.answer(try Self.number("shmat"), [0, 0, 0o100000]) == .notify)
            #expect(filter.answer(try Self.number("memfd_create")) == .notify)
        }

        @Test(arguments: [false, true]) func sharedMemoryIsNotExecuted(withoutKernelHelp: Bool) throws {
            let filter = try simulator {
                $0.refusesExecutableMemory = withoutKernelHelp
                $0.refusesExecutableSharedMemory = true
            }
            let mmap = try Self.number("mmap")
            // MAP_PRIVATE, then MAP_SHARED and MAP_SHARED_VALIDATE with MAP_ANONYMOUS.
            #expect(filter.answer(mmap, [0, 4096, 5, 0x22]) == .allow)
            for flags in [UInt64(0x21), 0x23, 0x1_0000_0021] {
                #expect(filter.answer(mmap, [0, 4096, 5, flags]) == .notify)
                #expect(filter.answer(mmap, [0, 4096, 4, flags]) == .notify)
                #expect(filter.answer(mmap, [0, 4096, 3, flags]) == .allow)
            }
            #expect(filter.answer(mmap, [0, 4096, 5, 0x40022]) == .notify)
        }

        @Test func coreLimitsAreAnsweredAsDone() throws {
            let filter = try simulator()
            #expect(filter.answer(try Self.number("setrlimit"), [4, 1]) == .error(0))
            #expect(filter.answer(try Self.number("setrlimit"), [7, 1]) == .allow)
            #expect(filter.answer(try Self.number("prlimit64"), [0, 4, 1, 0]) == .error(0))
            #expect(filter.answer(try Self.number("prlimit64"), [0, 4, 0, 1]) == .allow)
        }
    }
#endif
