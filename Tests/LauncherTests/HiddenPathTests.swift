import Glibc
import LaunchPlan
import SandboxTestSupport
import Testing

/// What a policy hides stays hidden when the host puts something else in its place, as editors and `passwd(1)` do.
@Suite(.needs(.root), .nativeOnly("a container shows nothing of the host's to hide"), .serialized)
struct HiddenPathTests {
    private let directory = TemporaryDirectory()

    private func replace(_ name: String, _ text: String) throws {
        try directory.write("new", text)
        #expect(rename("\(directory.path)/new", "\(directory.path)/\(name)") == 0)
    }

    @Test func aReplacedOneIsCoveredAgain() throws {
        chmod(directory.path, 0o755)
        try directory.makeDirectory("keys")
        try directory.write("keys/key", "first")
        try directory.write("secret", "first")
        try directory.write("plain", "shown")
        var policy = CompiledPolicy.testing()
        policy.readPaths.append(directory.path)
        policy.hidePaths = ["secret", "later", "keys"].map { "\(directory.path)/\($0)" }
        let harness = try LauncherHarness.ready(policy)
        let command = ["/bin/sh", "-c", "cd \(directory.path) && cat plain secret later keys/key"]
        let before = try harness.run(command).output
        #expect(before.hasPrefix("shown") && !before.contains("first"), "\(before)")
        try replace("secret", "second")
        try replace("later", "second")
        #expect(rename("\(directory.path)/keys", "\(directory.path)/old") == 0)
        try directory.makeDirectory("keys")
        try replace("keys/key", "second")
        for _ in 0..<2 {
            let output = try harness.run(command).output
            #expect(output.hasPrefix("shown") && !output.contains("second"), "\(output)")
        }
        try directory.write("plain", "shown again")
        #expect(try harness.run(command).output.hasPrefix("shown again"))
    }
}
