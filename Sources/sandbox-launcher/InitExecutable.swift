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
        try system("seal a copy of", path) { sandbox_seal(number) }
        return copy
    }

    private static func siblingPath(_ name: String) throws(SystemError) -> String {
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = try system("read link", "/proc/self/exe") { readlink("/proc/self/exe", &buffer, 4096) }
        let own = String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard let slash = own.lastIndex(of: "/") else { throw SystemError("find", name, errno: ENOENT) }
        return "\(own[..<slash])/\(name)"
    }
}
