import EscapeAttempts
import Foundation
import SandboxModel
import SandboxTestSupport
import Testing

/// `SANDBOX_ESCAPE_TABLE=FILE`: what was tried and what came of it, as Markdown.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct TableTests {
    private static let file = ProcessInfo.processInfo.environment["SANDBOX_ESCAPE_TABLE"]

    @Test(.enabled(if: file != nil), .nativeOnly("the table is of the sandboxes that the launcher makes"))
    func `write the table`() async throws {
        let attempts = try await AttemptRuns.shared.value
        let cases = try await HostRuns.shared.value
        var text = try Self.introduction(attempts, cases)
        for area in Attempt.areas {
            text += Self.heading(area.name, "| case | tries | after | inside | without root | user | root |")
            for item in area.attempts {
                let row = [attempts.confined, attempts.rootless, attempts.user, attempts.root].map { $0[item.name] }
                text += Self.row([item.name, item.tries, item.origin] + row.map { Self.cell($0) })
            }
        }
        for area in HostCase.areas {
            text += Self.heading(area.name, "| case | tries | after | inside | without root | outside |")
            for item in area.cases {
                let judgement = cases.judgements[item.name]
                text += Self.row([
                    item.name, item.tries, item.origin, Self.cell(judgement?.inside),
                    Self.cell(cases.rootless[item.name]?.inside), Self.cell(judgement?.outside),
                ])
            }
        }
        try text.write(toFile: try #require(Self.file), atomically: true, encoding: .utf8)
    }

    @Test(.enabled(if: file != nil && Backend.current == .docker)) func `write the table of containers`() async throws {
        let attempts = try await AttemptRuns.shared.value.confined
        let cases = try await HostRuns.shared.value.judgements.mapValues(\.inside)
        let verdicts = attempts.merging(cases) { first, _ in first }
        let items =
            Attempt.areas.flatMap(\.attempts).map { ($0.name, $0.tries) }
            + HostCase.areas.flatMap(\.cases).map { ($0.name, $0.tries) }
        let tried = items.filter { Containers.isTried($0.0) }
        func count(_ word: String) -> Int { tried.count { verdicts[$0.0]?.word == word } }
        var text = """
            # The same in containers

            What README.md beside this lists, tried in containers of a Docker Engine under the same policies with `backend: docker`. Each
            has a counterpart without a sandbox, which is there. Written by the suite itself:

                SANDBOX_BACKEND=docker SANDBOX_ESCAPE_TABLE=Tests/EscapeTests/Containers.md \\
                    make test-docker DOCKER_FILTER=EscapeTests

            \(Date().formatted(.iso8601.year().month().day())), Linux \(try Self.kernel()), Docker \(try DockerEngine.version()):
            of \(items.count) \(items.count - tried.count) cannot be tried; of \(tried.count) \(count("stopped")) are stopped, \
            \(count("absent")) find nothing to attack, \(count("escaped")) are open and known to be.

            """
        text += Self.heading("Open", "| case | tries | in a container | because |")
        for (name, tries) in tried where verdicts[name]?.word == "escaped" {
            let native = AttemptTests.knownOpen.merging(HostCaseTests.knownOpen) { first, _ in first }
            text += Self.row([
                name, tries, Self.cell(verdicts[name]), Containers.reason(name, natively: native) ?? "not known to be",
            ])
        }
        text += Self.heading("Not tried", "| case | tries | because |")
        for (name, tries) in items where !Containers.isTried(name) {
            text += Self.row([name, tries, Containers.untried[name] ?? ""])
        }
        text += Self.heading("Stopped, or absent", "| case | tries | in a container |")
        for (name, tries) in tried where verdicts[name]?.word != "escaped" {
            text += Self.row([name, tries, Self.cell(verdicts[name])])
        }
        try text.write(toFile: try #require(Self.file), atomically: true, encoding: .utf8)
    }

    private static func introduction(_ attempts: AttemptRuns, _ cases: HostRuns) throws -> String {
        let possible = Attempt.all.filter { item in
            [attempts.user[item.name], attempts.root[item.name]].contains { $0?.word == "escaped" }
        }
        let open = Attempt.all.filter { attempts.confined[$0.name]?.word == "escaped" }
        let held = Attempt.all.filter { attempts.confined[$0.name]?.word == "stopped" }
        let absent = Attempt.all.filter { attempts.confined[$0.name]?.word == "absent" }
        let rootless = Attempt.all.filter { attempts.rootless[$0.name]?.word == "stopped" }.count
        let counterparts = cases.judgements.values.compactMap(\.outside)
        let date = Date().formatted(.iso8601.year().month().day())
        let total = Attempt.all.count + HostCase.all.count
        return """
            # What was tried to get out

            Every line is an attempt that was made: by `escape-probe` or a payload inside a sandbox of sandboxd, and by the
            same code without one. A test suite that cannot fail proves nothing, so what is stopped inside has to succeed
            outside, or is listed with the reason why not. Written by the suite itself:

                SANDBOX_ESCAPE_TABLE=Tests/EscapeTests/README.md \\
                    swift test --disable-xctest --no-parallel --filter EscapeTests

            \(date), Linux \(try kernel()): \(total) cases. Of \(Attempt.all.count) attempts of the probe
            \(held.count) are stopped inside, \(absent.count) find nothing to attack on this host, and \(open.count) get
            through; outside \(possible.count) succeed for an ordinary user or for
            root, and \(Attempt.all.filter { $0.heldAnyway != nil }.count) are known to be stopped there on some hosts. Of
            \(HostCase.all.count) cases that the host stages and judges
            \(cases.judgements.values.filter { $0.inside.word == "stopped" }.count) are held; \(counterparts.count)
            have a counterpart outside, of which \(counterparts.filter { $0.word == "escaped" }.count) succeed. The others
            (requests, policies, the daemon, supplies, ends of runs) are judged on the host alone.

            Open, and known to be (`AttemptTests.knownOpen`, `HostCaseTests.knownOpen`): \(open.map(\.name).joined(separator: ", ")),
            \(HostCaseTests.knownOpen.keys.sorted().joined(separator: ", ")). Sandboxes that read the same files of `/usr` can
            signal to one another through them; whoever serves a socket in a workspace can be talked to. Channels by timing (page cache, processor caches,
            load) are not tried.

            The same in containers, `backend: docker`: [Containers.md](Containers.md).

            *inside*: in a sandbox, under `default` with smaller file systems in memory or the case's own policy. *without root*: the
            same in a sandbox that an ordinary user made for himself, the one who also owns what is attacked; of
            \(Attempt.all.count) attempts of the probe \(rootless) are stopped there, and of
            \(HostCase.ofEveryMode.count) cases of the host \(cases.rootless.values.filter { $0.inside.word == "stopped" }.count) are held; open beside those above are
            \((AttemptTests.knownWeaker.map { "\($0.key) (\($0.value.name))" } + HostCaseTests.knownWeaker.map { "\($0.key) (\($0.value.name))" }).sorted().joined(separator: ", ")), each accepted by its name. *user*, *root*: without one, by an
            ordinary user and by root, each attempt of root's in mount, host name and process namespaces that are thrown
            away. *stopped* with the error; **escaped**: got what it must not get, or got through to a part of the kernel
            that is to be closed; *absent*: this host has nothing of the kind. *after*: the failure elsewhere, or the
            mechanism.

            """
    }

    private static func kernel() throws -> String {
        try String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)
            .split(separator: "-").first.map(String.init) ?? ""
    }

    private static func heading(_ name: String, _ columns: String) -> String {
        let rule = String(repeating: "| --- ", count: columns.split(separator: "|").count) + "|"
        return "\n## \(name)\n\n\(columns)\n\(rule)\n"
    }

    private static func row(_ cells: [String]) -> String {
        "| \(cells.joined(separator: " | ").replacing("\n", with: " ")) |\n"
    }

    private static func cell(_ verdict: Verdict?) -> String {
        guard let verdict else { return "-" }
        // Without what differs from run to run and from machine to machine.
        var detail = verdict.detail.replacing(#/[\r\n|]/#, with: " ").replacing(
            #/SECRET-[-0-9a-z]+/#, with: "the secret")
        detail = detail.replacing(#/sandboxd-test-\w+/#, with: "…").replacing(#/\b\d{4,}\b/#, with: "N")
        detail = String(detail.prefix(60))
        return verdict.word == "escaped" ? "**escaped**: \(detail)" : "\(verdict.word): \(detail)"
    }
}
