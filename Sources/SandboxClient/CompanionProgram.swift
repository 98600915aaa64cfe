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
        guard let found = candidates.first(where: { access($0, X_OK) == 0 }) else {
            throw Absence(description: candidates.joined(separator: ", "))
        }
        return found
    }
}
