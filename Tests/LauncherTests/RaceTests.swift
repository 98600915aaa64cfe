import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// One way to make a name mean two things.
struct RaceShape: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var flip = Attacker.Flip.exchange
    /// What is flipped, and what the second name is a link to before (empty: it is there already).
    var names: (String, String)
    var link = ""
    /// For `relink`.
    var targets = ("", "")
    var request: String
    var root = "roots"
    var mode = CompiledPolicy.WorkspaceMode.write

    /// Whether one of the two meanings is a directory with a secret.
    var leadsOutside: Bool { mode == .write && flip != .move && names.1 != "roots/file" }

    /// `@` stands for the directory of the test.
    static let all: [RaceShape] = [
        RaceShape(
            testDescription: "directory and link to another's", names: ("roots/w", "roots/l"), link: "@/outside",
            request: "roots/w"),
        RaceShape(
            testDescription: "a component of the way", names: ("roots/m", "roots/l"), link: "@/outside",
            request: "roots/m/w"),
        RaceShape(
            testDescription: "relative link upwards", names: ("roots/w", "roots/l"), link: "m/../../outside",
            request: "roots/w"),
        RaceShape(
            testDescription: "one link, two targets", flip: .relink, names: ("roots/l", "roots/new"),
            targets: ("@/roots/w", "@/outside"), request: "roots/l"),
        RaceShape(
            testDescription: "link to a system directory", names: ("roots/w", "roots/l"), link: "/etc",
            request: "roots/w", mode: .read),
        RaceShape(
            testDescription: "link to /proc/self/root", names: ("roots/w", "roots/l"), link: "/proc/self/root@/outside",
            request: "roots/w"),
        RaceShape(
            testDescription: "link to /proc/self/cwd", names: ("roots/m", "roots/l"), link: "/proc/self/cwd",
            request: "roots/m/w", mode: .read),
        RaceShape(testDescription: "directory and file", names: ("roots/w", "roots/file"), request: "roots/w"),
        RaceShape(
            testDescription: "moved out and in", flip: .move, names: ("roots/w", "away/w"), request: "roots/w"),
        RaceShape(
            testDescription: "the root and a link", names: ("p/root", "p/l"), link: "@/outside", request: "p/root/w",
            root: "p/root"),
        RaceShape(
            testDescription: "the root and another directory", names: ("p/root", "p/other"), request: "p/root/w",
            root: "p/root"),
    ]
}

@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct RaceTests {
    private static let requests = 250
    private static let mostRequests = 200_000
    private static let flips = 10_000

    @Test(arguments: RaceShape.all)
    func `nothing outside is reached while names flip`(shape: RaceShape) throws {
        let canaries = try Canaries()
        // Before anything flips: some names of the outside do too.
        let before = try canaries.outside()
        let attack = try Attack(shape, canaries)
        var worked = 0
        var refused: [String: Int] = [:]
        var requests = 0
        // Refusals are quicker, so there are more of them.
        while requests < Self.requests || !attack.attacker.hasFlippedEnough || worked < 5 {
            guard requests < Self.mostRequests else { break }
            requests += 1
            let finished = try attack.harness.run(
                ["sh", "-c", "cat marker; touch written$$ 2>/dev/null"], workspace: attack.path)
            if let failure = finished.failure {
                refused["\(failure.stage.name) \(errnoName(failure.errno))", default: 0] += 1
                #expect([.workspaceOpen, .workspaceAccess, .workspaceRoots].contains(failure.stage))
            } else {
                worked += 1
                #expect(finished.output == "inside")
            }
        }
        let flips = try attack.attacker.stop()
        #expect(try canaries.outside() == before)
        #expect(flips >= Self.flips)
        #expect(worked > 0 && !refused.isEmpty, "\(worked) worked, \(refused) refused: nothing was raced")
        print(
            "race: \(shape.testDescription): \(flips) flips, \(requests) requests, \(worked) worked, \(refused) refused"
        )
    }

    /// What the tests above would find if there was something: a check by name and an open after it, under the same flips.
    @Test(arguments: RaceShape.all.filter(\.leadsOutside))
    func `an opener that checks the name and then opens it is led outside`(shape: RaceShape) throws {
        let canaries = try Canaries()
        let attack = try Attack(shape, canaries)
        let root = "\(canaries.path)/\(shape.root)"
        var led = false
        for _ in 0..<1_000_000 where !led {
            guard let real = realpath(attack.path, nil) else { continue }
            defer { free(real) }
            guard String(cString: real).hasPrefix(root) else { continue }
            let opened = open(attack.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard opened >= 0 else { continue }
            defer { close(opened) }
            let marker = openat(opened, "marker", O_RDONLY | O_CLOEXEC)
            guard marker >= 0 else { continue }
            defer { close(marker) }
            var bytes = [UInt8](repeating: 0, count: 6)
            led = read(marker, &bytes, 6) == 6 && bytes == Array("secret".utf8)
        }
        #expect(led)
        #expect(try attack.attacker.stop() >= Self.flips)
    }
}

/// A launcher with a policy, and an attacker at work.
private struct Attack {
    let harness: LauncherHarness
    let attacker: Attacker
    let path: String

    init(_ shape: RaceShape, _ canaries: Canaries) throws {
        let base = canaries.path
        func expand(_ text: String) -> String { text.replacing("@", with: base) }
        if !shape.link.isEmpty { canaries.link(shape.names.1, to: expand(shape.link)) }
        if shape.flip == .relink { canaries.link(shape.names.0, to: expand(shape.targets.0)) }
        var policy = CompiledPolicy.testing()
        policy.workspaceRoots = ["\(base)/\(shape.root)"]
        policy.workspaceMode = shape.mode
        let listener = try Listener("\(base)/socket")
        harness = try LauncherHarness.sealed(policy, serving: listener)
        attacker = try Attacker(
            shape.flip, "\(base)/\(shape.names.0)", "\(base)/\(shape.names.1)",
            links: (expand(shape.targets.0), expand(shape.targets.1)), listener: listener)
        path = "\(base)/\(shape.request)"
        try harness.send(.admit(client: 1), [attacker.number])
    }
}
