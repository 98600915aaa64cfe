import CInitPlan
import Glibc
import LaunchPlan
import SeccompFilter

extension KernelDenial {
    /// From pid 1's message. pid 1 is one program away from the tenant, so nothing in it is taken for granted.
    init?(_ message: [UInt8]) {
        guard message.count == MemoryLayout<init_denial>.size else { return nil }
        let denial = message.withUnsafeBytes { $0.loadUnaligned(as: init_denial.self) }
        guard denial.report == init_report_denied.rawValue else { return nil }
        let bytes = withUnsafeBytes(of: denial.subject) { Array($0) }
        let number = Int32(bitPattern: denial.call)
        switch init_denial_kind(rawValue: denial.kind) {
        case init_denied_call:
            self.init(
                kind: .call, subject: SystemCallCatalog.name(of: number) ?? "call \(number)",
                arguments: [denial.arguments.0, denial.arguments.1, denial.arguments.2], count: denial.count)
        case init_denied_legacy:
            // x32 has this architecture's number; its calls have bit 30.
            let isX32 = denial.call & 0x4000_0000 != 0
            let shown = isX32 ? "x32 call \(denial.call & 0x3fff_ffff)" : "i386 call \(denial.call)"
            self.init(kind: .legacyCall, subject: shown, count: denial.count)
        case init_denied_execution:
            self.init(kind: .execution, subject: Self.text(bytes), count: denial.count)
        case init_denied_connection:
            self.init(kind: .connection, subject: Self.address(bytes), count: denial.count)
        default: return nil
        }
    }

    func isSame(as other: KernelDenial) -> Bool {
        kind == other.kind && subject == other.subject && right == other.right && arguments == other.arguments
    }

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// "192.0.2.1:443" or "[2001:db8:0:0:0:0:0:1]:443" from a socket address.
    private static func address(_ bytes: [UInt8]) -> String {
        let port = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
        if bytes[0] == UInt8(AF_INET) {
            return bytes[4..<8].map { "\($0)" }.joined(separator: ".") + ":\(port)"
        }
        let groups = stride(from: 8, to: 24, by: 2).map {
            String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16)
        }
        return "[\(groups.joined(separator: ":"))]:\(port)"
    }
}
