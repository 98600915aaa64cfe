import Foundation
import SandboxTestSupport

/// The programs that these tests start.
enum Programs {
    /// Every program whose release build must know nothing of faults.
    static let names = [
        "sandboxd", "sandbox-launcher", "sandbox-init", "sandbox-probe", "sandboxctl", "sandboxctl-verbs",
    ]

    /// With `SANDBOX_PRODUCTS` release programs are tested, in which there are none.
    static let haveFaults = contains("SANDBOX_FAULTS", BuiltProducts.path("sandbox-launcher"))

    /// Beside the debug build: what `make build` made last.
    static let releaseDirectory =
        URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path() + ".build/release"

    static let areReleased = names.allSatisfy { FileManager.default.fileExists(atPath: "\(releaseDirectory)/\($0)") }

    static func contains(_ text: String, _ path: String) -> Bool {
        let grep = Process()
        grep.executableURL = URL(filePath: "/usr/bin/grep")
        grep.arguments = ["-qaF", text, path]
        guard (try? grep.run()) != nil else { return false }
        grep.waitUntilExit()
        return grep.terminationStatus == 0
    }
}
