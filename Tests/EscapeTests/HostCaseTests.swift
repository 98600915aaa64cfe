import EscapeAttempts
import SandboxModel
import SandboxTestSupport
import Testing

/// Attempts that the host stages and judges.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct HostCaseTests {
    /// What is open, and known to be; the suite fails when one of them closes and is still listed here.
    static let knownOpen: [String: String] = [
        "workspace-socket":
            "a workspace is shared, and up to Linux 6.18 nothing can say of a path that its socket is not"
    ]

    @Test(arguments: HostCase.all.map(\.name)) func `stopped inside`(_ name: String) async throws {
        try Containers.skip(name)
        let judgement = try #require(try await HostRuns.shared.value.judgements[name])
        if let reason = Containers.reason(name, natively: Self.knownOpen) {
            withKnownIssue("\(reason)") { #expect(judgement.inside.word == "stopped") }
        } else {
            #expect(judgement.inside.word == "stopped", "\(name): \(judgement.inside)")
        }
    }

    /// The same of sandboxes without root and without a group of their own, beside these; each with the name that a caller has to
    /// accept.
    static let knownWeaker: [String: Weakness] = [
        "memory-children": .memory, "memory-system-v-segment": .memory, "memory-memory-file": .memory,
        "memory-unix-sockets": .memory, "cpu-time": .cpuTime,
    ]

    @Test(Mode.rootlessIsNative, arguments: HostCase.ofEveryMode.map(\.name))
    func `stopped inside, without root`(_ name: String) async throws {
        let judgement = try #require(try await HostRuns.shared.value.rootless[name])
        if let reason = Self.knownOpen[name] ?? Self.knownWeaker[name]?.name {
            withKnownIssue("\(reason)") { #expect(judgement.inside.word == "stopped") }
        } else {
            #expect(judgement.inside.word == "stopped", "\(name): \(judgement.inside)")
        }
    }

    @Test(arguments: HostCase.all.map(\.name)) func `succeeds outside, where it has a counterpart there`(_ name: String)
        async throws
    {
        try Containers.skip(name)
        let judgement = try #require(try await HostRuns.shared.value.judgements[name])
        guard let outside = judgement.outside else { return }
        #expect(outside.word == "escaped" || Self.races.contains(name), "\(name) proves nothing: \(outside)")
    }

    /// Not always won, even where nothing prevents them.
    private static let races: Set = ["workspace-exchanged"]

    @Test func `names are unique`() {
        let names = HostCase.all.map(\.name) + Attempt.all.map(\.name)
        #expect(Set(names).count == names.count)
    }

    /// What went wrong elsewhere; each has a case that names it. Features that sandboxd does not have (an image, a proxy,
    /// a file API, attaching) are tried by what comes nearest: workspaces, cwd, requests, ids of runs.
    @Test func `every failure of others has a case`() {
        let failures = """
            CVE-2019-5736 CVE-2016-9962 CVE-2024-21626 CVE-2021-30465 CVE-2024-45310 CVE-2025-31133 CVE-2025-52565
            CVE-2025-52881 CVE-2019-19921 CVE-2026-41579 CVE-2018-15664 go-judge#176 CVE-2024-28185 CVE-2024-28189
            CVE-2024-29021 Judge0_1.13.0 Judge0_72cc450 isolate_2.4 isolate_2.5 isolate_2.6 CVE-2017-5226 CVE-2019-10063
            CVE-2023-28100 CVE-2021-41133 CVE-2020-5291 CVE-2024-32462 CVE-2024-42472 CVE-2026-34078 CVE-2022-31214
            CVE-2021-26910 CVE-2022-0492 CVE-2022-0185 CVE-2024-1086 CVE-2023-0386 CVE-2018-18955 CVE-2026-31431
            CVE-2026-43284 kCTF /proc/self/mem /proc/PID/mem process_vm_writev CVE-2026-25725 CVE-2026-39861
            CVE-2026-25724 CVE-2026-46406 SOCKS5_NUL CVE-2025-66479 CVE-2026-22708 CVE-2025-61260 CVE-2025-59532 Ona
            zsh-fork claude-code#87381 PR#105 SandboxFusion go-judge:
            """
        let origins = HostCase.all.map(\.origin) + Attempt.all.map(\.origin)
        for failure in failures.split(whereSeparator: \.isWhitespace) {
            let key = failure.split(separator: "_").joined(separator: failure.contains("process_vm") ? "_" : " ")
            #expect(origins.contains { $0.contains(key) }, "\(key)")
        }
    }
}
