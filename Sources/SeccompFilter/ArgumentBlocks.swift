import CSeccomp

/// What a filter does with calls that are allowed but for a few values of one argument, of which the kernel looks at the
/// lower 32 bits. `ArgumentRules` says the same in libseccomp's terms, and tests hold both to each other.
enum ArgumentBlocks {
    /// By call number. A call that the policy denies, or that this architecture does not have, has none.
    static func blocks(of request: FilterRequest) -> [UInt32: [FilterInstruction]] {
        let (allow, deny) = SystemCallCatalog.expand(allow: request.allow, deny: request.deny)
        let calls = SystemCallCatalog.base.union(allow).subtracting(deny).subtracting(request.refused)
        var blocks: [UInt32: [FilterInstruction]] = [:]
        for (name, block) in all(request) where calls.contains(name) {
            if let number = FilterCompiler.number(name) { blocks[UInt32(number)] = block }
        }
        return blocks
    }

    private static func all(_ request: FilterRequest) -> [(name: String, block: [FilterInstruction])] {
        [
            ("ioctl", .allBut(ArgumentRules.deniedRequests, of: 1, FilterCompiler.notifyAction)),
            ("setrlimit", .allBut([ArgumentRules.coreLimit], of: 0, FilterCompiler.errnoAction(0))),
            ("prlimit64", request.limitsOwnProcessOnly ? ownNewCoreLimit : newCoreLimit),
        ]
    }

    /// Limits but that on cores, and that one where no new value comes with it.
    private static var newCoreLimit: [FilterInstruction] {
        [
            .load(1), .jumpIfEqual(UInt32(ArgumentRules.coreLimit), 0, else: 4),
            .load(2), .jumpIfEqual(0, 0, else: 3), .load(2, upper: true), .jumpIfEqual(0, 0, else: 1),
            .answer(SCMP_ACT_ALLOW), .answer(FilterCompiler.errnoAction(0)),
        ]
    }

    /// The same for process 0, which is the caller itself; what would be allowed of another one is refused.
    private static var ownNewCoreLimit: [FilterInstruction] {
        [
            .load(1), .jumpIfEqual(UInt32(ArgumentRules.coreLimit), 0, else: 4),
            .load(2), .jumpIfEqual(0, 0, else: 6), .load(2, upper: true), .jumpIfEqual(0, 0, else: 4),
            .load(0), .jumpIfEqual(0, 0, else: 1),
            .answer(SCMP_ACT_ALLOW), .answer(FilterCompiler.notifyAction), .answer(FilterCompiler.errnoAction(0)),
        ]
    }
}

extension [FilterInstruction] {
    fileprivate static func allBut(_ values: [UInt64], of argument: UInt32, _ answer: UInt32) -> [FilterInstruction] {
        let tests = values.enumerated().map { place, value in
            FilterInstruction.jumpIfEqual(UInt32(value), UInt8(values.count - place), else: 0)
        }
        return [.load(argument)] + tests + [.answer(SCMP_ACT_ALLOW), .answer(answer)]
    }
}

extension FilterInstruction {
    /// Half of an argument; the lower one on a little-endian machine, as all of this project's are.
    fileprivate static func load(_ argument: UInt32, upper: Bool = false) -> FilterInstruction {
        FilterInstruction(code: .load, ifTrue: 0, ifFalse: 0, value: firstArgument + 8 * argument + (upper ? 4 : 0))
    }

    fileprivate static func jumpIfEqual(_ value: UInt32, _ over: UInt8, else other: UInt8) -> FilterInstruction {
        FilterInstruction(code: .jumpIfEqual, ifTrue: over, ifFalse: other, value: value)
    }
}
