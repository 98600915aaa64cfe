import Glibc
import LinuxSystem
import SandboxTestSupport
import Testing

/// A package of a user's own that depends on the `SandboxClient` product: by path, and as a versioned dependency from a
/// git repository, where SwiftPM refuses unsafe flags in whatever the product needs.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct UserPackageTests {
    private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    private let directory = TemporaryDirectory()

    @Test func `builds and runs with a dependency by path`() throws {
        try check(dependency: ".package(name: \"sandboxd\", path: \"\(Self.root)\")")
    }

    @Test func `builds and runs with a versioned dependency from git`() throws {
        let repository = "\(directory.path)/sandboxd"
        // What is committed or about to be, as a repository of its own with a tag.
        let script = """
            set -e
            export GIT_CONFIG_GLOBAL=/dev/null
            mkdir '\(repository)'
            cd '\(Self.root)'
            git ls-files -z --cached --others --exclude-standard | xargs -0 cp -a --parents -t '\(repository)'
            cd '\(repository)'
            git init -q
            git add -A
            git -c user.name=test -c user.email=test@localhost commit -qm test
            git tag 1.0.0
            """
        let made = try Ran(["/bin/sh", "-c", script])
        try #require(made.status == 0, "\(made.errors)")
        try check(dependency: ".package(url: \"file://\(repository)\", from: \"1.0.0\")")
    }

    private func check(dependency: String) throws {
        try directory.makeDirectory("user")
        try directory.makeDirectory("user/Sources")
        try directory.makeDirectory("user/Sources/user")
        try directory.write(
            "user/Package.swift",
            """
            // swift-tools-version: 6.2
            import PackageDescription
            let package = Package(
                name: "user", dependencies: [\(dependency)],
                targets: [
                    .executableTarget(
                        name: "user", dependencies: [.product(name: "SandboxClient", package: "sandboxd")])
                ])

            """)
        try directory.write(
            "user/Sources/user/main.swift",
            """
            import SandboxClient
            let sandbox = try await SandboxClient.connect(socket: CommandLine.arguments[1])
            let output = try await sandbox.run("sh", "-c", "echo from a package of its own")
            print(output.outputText, output.result.outcome.reason, separator: "")

            """)
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        let home = getenv("HOME").map { String(cString: $0) } ?? "/root"
        let built = try Ran(
            ["/bin/sh", "-c", "cd '\(directory.path)/user' && exec swift build"],
            environment: ["PATH=\(path)", "HOME=\(home)"])
        try #require(built.status == 0, "\(built.output)\(built.errors)")
        let service = try ServiceFixture()
        let ran = try Ran(["\(directory.path)/user/.build/debug/user", service.socket])
        #expect(ran.output == "from a package of its own\nexited\n", "\(ran.errors)")
    }
}
