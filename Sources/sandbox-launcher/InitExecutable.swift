import CSandbox
import Glibc
import LinuxSystem

/// A program that runs inside, copied into memory and sealed, found beside this one.
enum InitExecutable {
    static func sealedCopy(of name: String) throws(SystemError) -> OwnedDescriptor {
        let path = try siblingPath(name)
        let program = try wholeFileBytes(path)
        let copy = OwnedDescriptor(owning: try system("create a memory file") { sandbox_memfd(name) })
        let number = copy.number
        var written = 0
        while written < program.count {
            written += try system("copy", path) {
                program.withUnsafeBytes { write(number, $0.baseAddress! + written, program.count - written) }
            }
        }
        try seal(number, path)
        return copy
    }

    /// EBUSY: somebody holds one of its pages for a moment, as what scans memory does (`F_ADD_SEALS`, fcntl(2)).
    private static func seal(_ number: Int32, _ path: String) throws(SystemError) {
        for attempt in 0... {
            guard sandbox_seal(number) != 0 else { return }
            let code = errno
            guard code == EBUSY, attempt < 50 else { throw SystemError("seal a copy of", path, errno: code) }
            usleep(10_000)
        }
    }

    /// The host's path of a program that is installed beside this one.
    static func siblingPath(_ name: String) throws(SystemError) -> String {
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = try system("read link", "/proc/self/exe") { readlink("/proc/self/exe", &buffer, 4096) }
        let own = String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard let slash = own.lastIndex(of: "/") else { throw SystemError("find", name, errno: ENOENT) }
        return "\(own[..<slash])/\(name)"
    }
}
