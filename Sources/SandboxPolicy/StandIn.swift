// STAND-IN, DELETE WHEN MERGING: the shape of SandboxPolicy that sandboxctl is written against, without its content.
package import SandboxModel

package struct SourceLocation: Sendable, Equatable, CustomStringConvertible {
    package var file: String
    package var line: Int
    package var column: Int
    package var description: String { "\(file):\(line):\(column)" }
}

package struct Policy: Sendable {
    package let name: String
    package let description: String
    package let limits: Limits
    package func explain(argv: [String]) -> Explanation { .standIn(argv.joined(separator: " ")) }
    package func explain(path: String, access: PathAccess) -> Explanation { .standIn("\(access.rawValue) \(path)") }
    package func explain(connect: String) -> Explanation { .standIn("connect \(connect)") }
    package func judge(argv: [String]) -> CommandVerdict { .allowed(rule: nil) }
}

package enum PathAccess: String, Sendable { case read, write, execute }

package enum CommandVerdict: Sendable {
    case allowed(rule: SourceLocation?)
    case denied(Denial)
}

package struct Explanation: Sendable {
    package let allowed: Bool
    package let rule: SourceLocation?
    package let text: String
    static func standIn(_ subject: String) -> Explanation {
        Explanation(allowed: true, rule: nil, text: "allowed: \(subject) (stand-in)")
    }
}

package struct PolicySet: Sendable {
    private var policies: [String: Policy]

    package static func builtIn() throws(PolicyErrors) -> PolicySet {
        PolicySet(policies: ["default": Policy(name: "default", description: "stand-in", limits: Limits())])
    }
    package static func load(
        files: [(name: String, contents: [UInt8])], over base: PolicySet
    ) throws(PolicyErrors) -> PolicySet {
        var set = base
        for file in files {
            let last = file.name.split(separator: "/").last ?? ""
            let name = String(last.prefix { $0 != "." })
            set.policies[name] = Policy(name: name, description: "stand-in", limits: Limits())
        }
        return set
    }
    package subscript(name: String) -> Policy? { policies[name] }
    package var names: [String] { policies.keys.sorted() }
}

package struct PolicyErrors: Error, CustomStringConvertible {
    package var description: String { "stand-in" }
}

package enum PolicyRenderer {
    package static func effective(_ policy: Policy) -> String { "name: \(policy.name)\n" }
}

package enum ByteCount {
    package static func parse(_ text: String) throws(QuantityError) -> UInt64 {
        for (suffix, factor) in [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)] as [(String, UInt64)]
        where text.hasSuffix(suffix) {
            guard let number = UInt64(text.dropLast(3)) else { throw QuantityError(text) }
            return number * factor
        }
        guard let number = UInt64(text) else { throw QuantityError(text) }
        return number
    }
}

package enum TimeSpan {
    package static func parse(_ text: String) throws(QuantityError) -> UInt64 {
        if text.hasSuffix("ms"), let number = UInt64(text.dropLast(2)) { return number }
        guard text.hasSuffix("s"), let number = UInt64(text.dropLast()) else { throw QuantityError(text) }
        return number * 1000
    }
}

package enum CoreCount {
    package static func parse(_ text: String) throws(QuantityError) -> Double {
        guard let number = Double(text) else { throw QuantityError(text) }
        return number
    }
}

package struct QuantityError: Error, CustomStringConvertible {
    let text: String
    init(_ text: String) { self.text = text }
    package var description: String { "'\(text)' is not a quantity" }
}
