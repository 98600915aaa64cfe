import CSeccomp
import Glibc
package import LinuxSystem

/// A policy's system-call filter as the kernel takes it, made once per policy by libseccomp (`seccomp(2)`).
package struct FilterProgram: Sendable {
    /// `struct sock_filter` after `struct sock_filter`.
    package let instructions: [UInt8]
    /// How many calls the filter lets through, with or without conditions.
    package let allowedCalls: Int

    package var count: Int { instructions.count / 8 }
}

/// Why a filter cannot be made.
package enum FilterError: Error, Sendable, Equatable {
    case unknownCall(String)
    case neverAllowed(String)
    /// libseccomp's error, an errno.
    case library(String, Int32)
    case system(SystemError)
}

package enum FilterCompiler {
    /// Of libseccomp: "2.5.4".
    package static var libraryVersion: String {
        guard let version = seccomp_version()?.pointee else { return "not known" }
        return "\(version.major).\(version.minor).\(version.micro)"
    }

    /// Refused calls go to pid 1 (`seccomp_unotify(2)`), which counts them and answers EPERM; those that this library does
    /// not know answer ENOSYS, as on an older kernel. i386 and x32 calls go to pid 1 too, which ends their process.
    ///
    /// libseccomp writes what looks at arguments. What is answered by the number alone is put into the ranges as it is: in
    /// libseccomp's hands 400 such rules take 5 ms.
    package static func compile(_ request: FilterRequest) throws(FilterError) -> FilterProgram {
        let rules = try FilterRules(request)
        var blocks = rules.plainAnswers.mapValues { [FilterInstruction.answer($0)] }
        blocks.merge(ArgumentBlocks.blocks(of: request)) { $1 }
        let rest = try export(rules.list.filter { blocks[UInt32($0.number)] == nil })
        guard let ranges = RangeTree.rebuild(FilterInstruction.decode(rest), blocks: blocks)
        else { return FilterProgram(instructions: try export(rules.list), allowedCalls: rules.allowedCalls) }
        return FilterProgram(instructions: FilterInstruction.encode(ranges), allowedCalls: rules.allowedCalls)
    }

    /// As libseccomp writes it. More than five times as long.
    package static func compileByNumber(_ request: FilterRequest) throws(FilterError) -> FilterProgram {
        let rules = try FilterRules(request)
        return FilterProgram(instructions: try export(rules.list), allowedCalls: rules.allowedCalls)
    }

    private static func export(_ rules: [FilterRules.Rule]) throws(FilterError) -> [UInt8] {
        guard let context = seccomp_init(notifyAction) else { throw .library("seccomp_init", ENOMEM) }
        defer { seccomp_release(context) }
        // A binary tree instead of a list: 85 us to install instead of 234, and fewer steps for each call.
        try check("optimize", seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2))
        try check("bad architecture", seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, notifyAction))
        for rule in rules { try add(rule, to: context) }
        return try export(context)
    }

    static let notifyAction: UInt32 = 0x7fc0_0000

    static func errnoAction(_ code: Int32) -> UInt32 { 0x0005_0000 | UInt32(code) }

    private static func check(_ what: String, _ result: Int32) throws(FilterError) {
        if result < 0 { throw .library(what, -result) }
    }

    /// `nil` for a call that this architecture does not have: it needs no rule.
    package static func number(_ name: String) -> Int32? {
        let number = seccomp_syscall_resolve_name(name)
        return number >= 0 ? number : nil
    }

    private static func add(_ rule: FilterRules.Rule, to context: scmp_filter_ctx) throws(FilterError) {
        let comparisons = rule.conditions.map { condition in
            condition.isPointer
                ? scmp_arg_cmp(arg: condition.index, op: SCMP_CMP_NE, datum_a: 0, datum_b: 0)
                : scmp_arg_cmp(
                    arg: condition.index, op: SCMP_CMP_MASKED_EQ, datum_a: condition.mask, datum_b: condition.value)
        }
        try check(
            "call \(rule.number)",
            seccomp_rule_add_array(context, rule.action, rule.number, UInt32(comparisons.count), comparisons))
    }

    /// Numbers from 450 (Linux 5.17) on. They are equal on all architectures; programs that make these calls know what to
    /// do on an older kernel.
    static let newerCalls: Range<Int32> = 450..<512

    /// libseccomp writes to a descriptor; a pipe holds more (64 KiB) than a filter can have (4,096 instructions).
    private static func export(_ context: scmp_filter_ctx) throws(FilterError) -> [UInt8] {
        do throws(SystemError) {
            let pipe = try DescriptorPair.pipe()
            try setNonBlocking(pipe.second.number)
            let result = seccomp_export_bpf(context, pipe.second.number)
            guard result == 0 else { throw SystemError("export a filter", errno: -result) }
            var bytes = [UInt8](repeating: 0, count: 64 << 10)
            let descriptor = pipe.first.number
            let count = try system("read a filter") { read(descriptor, &bytes, bytes.count) }
            return Array(bytes.prefix(count))
        } catch {
            throw .system(error)
        }
    }
}
