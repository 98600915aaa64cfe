// swift-tools-version: 6.2
// The layers, top to bottom: products, daemon, Linux, values, C. Arrows go down only; Tests/LayoutTests holds this
// file and every import to that. Sources/README.md is the map.
import PackageDescription

/// Every Swift target: warnings are errors. (`treatAllWarnings` is not an unsafe flag, so a package that depends on
/// `SandboxClient` is not refused because of it.)
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// Points at which tests have something go wrong (`LinuxSystem/Fault.swift`) are in debug builds alone: programs that are
/// installed are release builds, and have none.
let faults: [SwiftSetting] = [.define("SANDBOX_FAULTS", .when(configuration: .debug))]

/// C that both the daemons and the client use: no unsafe flags here, for the same reason.
let cStrict: [CSetting] = [.treatAllWarnings(as: .error), .define("_GNU_SOURCE")]

/// The launcher's closure: neither Swift concurrency nor regular expressions, also not by the compiler's own imports.
let bare: [SwiftSetting] =
    strict + faults + [
        .unsafeFlags([
            "-Xfrontend", "-disable-implicit-concurrency-module-import",
            "-Xfrontend", "-disable-implicit-string-processing-module-import",
        ])
    ]

/// The programs inside the sandbox: Embedded Swift, static, without libc.
let embedded: [SwiftSetting] =
    faults + [
        .treatAllWarnings(as: .error),
        .enableExperimentalFeature("Embedded"),
        .unsafeFlags(["-wmo", "-Osize", "-Xfrontend", "-disable-stack-protector"]),
    ]
let freestanding: [LinkerSetting] = [
    .unsafeFlags([
        "-enable-experimental-feature", "Embedded", "-Xclang-linker", "-static",
        "-Xclang-linker", "-nostartfiles", "-Xclang-linker", "-nostdlib",
        "-Xclang-linker", "-Wno-unused-command-line-argument",
    ]),
    // Each start of the launcher copies them into memory, and nine tenths were names.
    .unsafeFlags(["-Xlinker", "-s"], .when(configuration: .release)),
]

/// What sandboxctl consists of: regular expressions would be a fifth of what the runtime searches for each conformance.
let withoutRegex: [SwiftSetting] =
    strict + [.unsafeFlags(["-Xfrontend", "-disable-implicit-string-processing-module-import"])]
/// A program that is started for every command, or with every daemon for one: the kernel maps it and jumps into it. A dynamic
/// one spends a millisecond on its loader and on relocations, sandboxd five. Debug builds stay dynamic, so that they link in no time.
let startsFast: [LinkerSetting] = [.unsafeFlags(["-static-executable"], .when(configuration: .release))]

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")

let package = Package(
    name: "sandboxd",
    products: [
        .library(name: "SandboxClient", targets: ["SandboxClient"]),
        .executable(name: "sandboxd", targets: ["sandboxd"]),
        .executable(name: "sandbox-launcher", targets: ["sandbox-launcher"]),
        .executable(name: "sandbox-docker", targets: ["sandbox-docker"]),
        .executable(name: "sandbox-init", targets: ["sandbox-init"]),
        .executable(name: "sandbox-probe", targets: ["sandbox-probe"]),
        .executable(name: "sandboxctl", targets: ["sandboxctl"]),
        .executable(name: "sandboxctl-verbs", targets: ["sandboxctl-verbs"]),
        .executable(name: "example-agent", targets: ["example-agent"]),
        .executable(name: "sandbox-bench", targets: ["sandbox-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: [
        // C
        .target(name: "CSandbox", cSettings: cStrict),
        .target(name: "CInitPlan", cSettings: cStrict),
        .target(
            name: "CInit", dependencies: ["CInitPlan"],
            cSettings: cStrict + [
                .unsafeFlags(["-ffreestanding", "-fno-builtin", "-fno-stack-protector", "-fno-pic", "-O2"])
            ]),
        .systemLibrary(
            name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),

        // values
        .target(name: "Backoff", swiftSettings: strict),
        .target(name: "SandboxModel", swiftSettings: strict),
        .target(name: "SandboxWire", dependencies: ["SandboxModel"], exclude: ["Protocol.md"], swiftSettings: strict),
        .target(name: "LaunchPlan", swiftSettings: bare),

        // Linux
        .target(name: "LinuxSystem", dependencies: ["CSandbox", "LaunchPlan"], swiftSettings: bare),
        .target(
            name: "SeccompFilter", dependencies: ["CSeccomp", "LinuxSystem"], exclude: ["SystemCalls.md"],
            swiftSettings: bare),

        // daemon
        .target(name: "SandboxMetrics", dependencies: [metrics], swiftSettings: strict),
        .target(name: "ShellSyntax", swiftSettings: strict),
        .target(
            name: "SandboxPolicy",
            dependencies: [
                "SandboxModel", "LaunchPlan", "SeccompFilter", "ShellSyntax", .product(name: "Yams", package: "Yams"),
            ],
            exclude: ["PolicyFormat.md", "BuiltIn/tests"], resources: [.embedInCode("BuiltIn")], swiftSettings: strict),
        .target(
            name: "SandboxEngine",
            dependencies: [
                "SandboxMetrics", "SandboxModel", "LaunchPlan", "LinuxSystem", "SandboxPolicy", logging, metrics,
            ] + nio,
            swiftSettings: strict + faults),
        .target(
            name: "SandboxServer",
            dependencies: [
                "LaunchPlan", "SandboxModel", "SandboxWire", "LinuxSystem", "SandboxPolicy", "SandboxEngine", logging,
            ] + nio,
            swiftSettings: strict + faults),

        // products
        .executableTarget(
            name: "sandboxd",
            dependencies: [
                "CSandbox", "LinuxSystem", "LaunchPlan", "SandboxModel", "SandboxPolicy", "SandboxEngine",
                "SandboxServer",
                argumentParser, logging,
            ] + nio,
            exclude: ["Records.md"], swiftSettings: strict + faults, linkerSettings: startsFast),
        .executableTarget(
            name: "sandbox-launcher",
            dependencies: ["CSandbox", "CInitPlan", "LaunchPlan", "LinuxSystem", "SeccompFilter"],
            swiftSettings: bare, linkerSettings: startsFast),
        .executableTarget(
            name: "sandbox-docker",
            dependencies: [
                "Backoff", "LaunchPlan", "LinuxSystem", .product(name: "NIOHTTP1", package: "swift-nio"),
            ] + nio,
            exclude: ["Backends.md"], swiftSettings: strict, linkerSettings: startsFast),
        .executableTarget(
            name: "sandbox-init",
            dependencies: ["CInit", "CInitPlan"],
            swiftSettings: embedded, linkerSettings: freestanding),
        .executableTarget(
            name: "sandbox-probe", dependencies: ["CInit", "CInitPlan"],
            swiftSettings: embedded, linkerSettings: freestanding),
        .target(
            name: "SandboxClient", dependencies: ["Backoff", "SandboxModel", "SandboxWire", "CSandbox"],
            swiftSettings: strict),
        .target(
            name: "SandboxExec", dependencies: ["SandboxClient", "SandboxModel", "SandboxWire", "CSandbox"],
            swiftSettings: withoutRegex),
        .executableTarget(
            name: "sandboxctl", dependencies: ["SandboxClient", "SandboxExec", "SandboxModel"],
            swiftSettings: withoutRegex, linkerSettings: startsFast),
        .executableTarget(
            name: "sandboxctl-verbs",
            dependencies: [
                "CSandbox", "LaunchPlan", "LinuxSystem", "SandboxClient", "SandboxExec", "SandboxModel",
                "SandboxPolicy",
                "SeccompFilter", argumentParser,
            ],
            exclude: ["Manual"], swiftSettings: strict),
        .executableTarget(
            name: "example-agent", dependencies: ["SandboxClient"], exclude: ["README.md", "Demo"],
            swiftSettings: strict),
        .executableTarget(
            name: "sandbox-bench",
            dependencies: [
                "LaunchPlan", "LinuxSystem", "SandboxClient", "SandboxModel", "SandboxWire", argumentParser,
            ],
            swiftSettings: strict),

        // tests (they find the programs beside their bundle: `swift test` builds everything)
        .target(
            name: "SandboxTestSupport", dependencies: ["LinuxSystem"], path: "Tests/SandboxTestSupport",
            swiftSettings: strict),
        .target(name: "CEscape", path: "Tests/CEscape", cSettings: cStrict),
        .target(
            name: "EscapeAttempts", dependencies: ["CEscape"], path: "Tests/EscapeAttempts", swiftSettings: strict),
        // Runs where only /usr and the workspace are: it brings its Swift runtime along.
        .executableTarget(
            name: "escape-probe", dependencies: ["EscapeAttempts"], path: "Tests/EscapeProbe", swiftSettings: strict,
            linkerSettings: [.unsafeFlags(["-static-stdlib"])]),
        .testTarget(
            name: "EscapeTests",
            dependencies: [
                "CEscape", "EscapeAttempts", "LinuxSystem", "SandboxClient", "SandboxModel", "SandboxTestSupport",
                "SandboxWire",
            ],
            exclude: ["README.md", "Containers.md"], swiftSettings: strict),
        .testTarget(
            name: "LayoutTests", dependencies: ["CInitPlan", "LaunchPlan", "SandboxTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "LaunchPlan", "LinuxSystem", "SandboxClient", "SandboxModel", "SandboxTestSupport", "SandboxWire",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "RecoveryTests",
            dependencies: ["LaunchPlan", "LinuxSystem", "SandboxClient", "SandboxTestSupport"],
            exclude: ["README.md"], swiftSettings: strict + faults),
        .testTarget(
            name: "CompatibilityTests", dependencies: ["LinuxSystem", "SandboxTestSupport"],
            exclude: ["README.md", "Scripts"], swiftSettings: strict),
        .testTarget(
            name: "LauncherTests",
            dependencies: [
                "CInitPlan", "CSandbox", "LaunchPlan", "LinuxSystem", "SandboxTestSupport",
            ],
            swiftSettings: strict),
        .testTarget(name: "SeccompFilterTests", dependencies: ["SeccompFilter"], swiftSettings: strict),
        .testTarget(
            name: "SandboxPolicyTests",
            dependencies: ["SandboxPolicy", "SandboxModel", "LaunchPlan", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),
        .testTarget(
            name: "ShellSyntaxTests", dependencies: ["ShellSyntax"], exclude: ["Corpus"], swiftSettings: strict),
        .testTarget(
            name: "SandboxMetricsTests", dependencies: ["SandboxMetrics", metrics], swiftSettings: strict),
        .testTarget(name: "BackoffTests", dependencies: ["Backoff"], swiftSettings: strict),
        .testTarget(
            name: "SandboxWireTests", dependencies: ["SandboxModel", "SandboxWire"], swiftSettings: strict),
        .testTarget(
            name: "SandboxClientTests", dependencies: ["SandboxClient", "SandboxModel", "SandboxWire"],
            swiftSettings: strict),
        .testTarget(
            name: "SandboxctlTests",
            dependencies: [
                "LinuxSystem", "sandboxctl-verbs", "SandboxClient", "SandboxExec", "SandboxModel", "SandboxPolicy",
                "SandboxTestSupport", "SandboxWire", argumentParser,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SandboxdTests",
            dependencies: ["sandboxd", "LinuxSystem", "SandboxEngine", "SandboxTestSupport", logging],
            swiftSettings: strict),
        .testTarget(
            name: "SandboxDockerTests",
            dependencies: ["sandbox-docker", "LaunchPlan", "LinuxSystem", "SandboxTestSupport"],
            swiftSettings: strict),
        .testTarget(name: "SandboxBenchTests", dependencies: ["sandbox-bench"], swiftSettings: strict),
        .testTarget(
            name: "SandboxEngineTests",
            dependencies: [
                "SandboxMetrics", "SandboxModel", "SandboxWire", "LaunchPlan", "LinuxSystem", "SandboxPolicy",
                "SandboxEngine", "SandboxServer", "SandboxTestSupport", logging,
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ] + nio,
            swiftSettings: strict),
    ]
)

// libFuzzer instruments everything that it is built with, so its program exists only when it is asked for: `make fuzz`.
if Context.environment["SANDBOXD_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzzing",
            dependencies: [
                "LaunchPlan", "SandboxModel", "SandboxWire", "SandboxPolicy", "SandboxEngine", "SandboxServer",
                "ShellSyntax",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tests/Fuzzing", exclude: ["Corpora", "Dictionaries"],
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
}
