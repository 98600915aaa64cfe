import Glibc

/// Programs that are installed together with this one.
package enum CompanionProgram {
    /// Where it was looked for, or why that was not possible.
    package struct Absence: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// Beside this program, or where a package puts programs that are not for people.
    package static func path(_ name: String) throws(Absence) -> String {
        guard let resolved = realpath("/proc/self/exe", nil) else {
            throw Absence(description: "failed to read /proc/self/exe: \(ErrorNumber.current)")
        }
        defer { free(resolved) }
        let own = String(cString: resolved)
        let directory = String(own.prefix(upTo: own.lastIndex(of: "/") ?? own.startIndex))
        let candidates = ["", "/../libexec", "/../lib"].map { "\(directory)\($0)/\(name)" }
        if let found = candidates.first(where: { access($0, X_OK) == 0 }) { return found }
        // Somebody else's, or a copy without its mode.
        if let forbidden = candidates.first(where: { access($0, F_OK) == 0 }) {
            throw Absence(description: "\(forbidden) is there, and this user may not execute it")
        }
        throw Absence(description: "not at \(candidates.joined(separator: ", "))")
    }
}
