import CEscape
import Glibc

extension Attempt {
    private static func i386(_ name: String, _ number: Int, _ tries: String) -> Attempt {
        Attempt("i386-\(name)", "legacy ABIs", tries) { _ in
            guard escape_has_i386() == 1 else { return .absent("no such gate on this processor") }
            return mustBeRefused(escape_call_i386(number, badAddress, badAddress, 0))
        }
    }

    private static func x32(_ name: String, _ number: Int32, _ tries: String) -> Attempt {
        Attempt("x32-\(name)", "legacy ABIs", tries) { _ in
            guard escape_has_i386() == 1 else { return .absent("x86_64 only") }
            return mustBeRefused(escape_call(Int(number) | 0x4000_0000, badAddress, badAddress, 0, 0, 0, 0))
        }
    }

    /// Calls by numbers that mean something else to a filter for x86_64.
    static let otherABIs: [Attempt] = [
        i386("getpid", 20, "getpid(2) by int 0x80"),
        i386("unshare", 310, "unshare(2) by int 0x80, where 310 is process_vm_readv(2) for a 64-bit filter"),
        i386("socketcall", 102, "socketcall(2) by int 0x80: any socket, with arguments in memory"),
        i386("mount", 21, "mount(2) by int 0x80, where 21 is access(2) for a 64-bit filter"),
        x32("getpid", __NR_getpid, "getpid(2) with the x32 bit"),
        x32("mount", __NR_mount, "mount(2) with the x32 bit"),
        Attempt("call-beyond-the-table", "newer calls", "a system call of tomorrow") { _ in
            let result = escape_call(600, badAddress, 0, 0, 0, 0, 0)
            return mustBeRefused(result)
        }.heldAnyway("this kernel ends before"),
    ]

}
