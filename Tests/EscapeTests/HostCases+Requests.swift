import EscapeAttempts
import Glibc
import SandboxClient
import SandboxTestSupport
import SandboxWire

extension HostCase {
    /// A request that must be refused with one of these codes.
    private static func request(
        _ name: String, _ origin: String, _ tries: String, _ codes: Set<ServiceError.Code>,
        _ make: @escaping @Sendable (Bench) -> RunRequest
    ) -> HostCase {
        HostCase("request-\(name)", origin, tries) { bench in
            Judgement(try await bench.refused(make(bench), codes))
        }
    }

    /// A key that no request has. Refused, not ignored: a caller would believe in it.
    private static func key(_ json: String, _ what: String) -> HostCase {
        let name = json.split(separator: "\"")[0]
        return HostCase("request-key-\(name)", "Ona: agent disabled the sandbox", "ask for \(what): \"\(json)") {
            bench in
            let text = #"{"type":"run","channel":1,"request":{"argv":["id"],""# + json + "}}"
            let said = try Self.answer(bench.service.socket, text)
            guard let error = said?.0 else { return Judgement(.escaped(said?.1 ?? "no answer")) }
            return Judgement(error.message.contains(name) ? .stopped("\(error)") : .error("\(error)"))
        }
    }

    /// The daemon's first error or other end after a proper hello and this message; `nil` when it says nothing.
    static func answer(_ socket: String, _ json: String) throws -> (ServiceError?, String)? {
        let descriptor = Service.connect(socket)
        guard descriptor >= 0 else { throw StageError.text("no connection") }
        defer { close(descriptor) }
        var timeout = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let hello = try ControlCoding.frame(ClientMessage.hello(version: 1, capabilities: [])).encoded
        let bytes = hello + Frame(kind: .control, payload: Array(json.utf8)).encoded
        _ = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }
        var decoder = FrameDecoder()
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count <= 0 { return nil }
            decoder.append(chunk[0..<count])
            while let frame = try decoder.next() {
                guard frame.kind == .control else { continue }
                let message = try ControlCoding.decode(ServerMessage.self, from: frame.payload)
                if case .error(_, let error) = message { return (error, "\(error)") }
                if case .result = message { return (nil, "\(message)") }
            }
        }
    }

    static let requests: [HostCase] =
        [
            key(#"user":0"#, "uid 0"), key(#"privileged":true"#, "privileges"), key(#"sandbox":false"#, "no sandbox"),
            key(#"unconfined":true"#, "no confinement"), key(#"backend":"none""#, "another backend"),
            key(#"network":"host""#, "the host's network"), key(#"mounts":["/"]"#, "mounts"),
            key(#"capabilities":["all"]"#, "capabilities"), key(#"roots":["/"]"#, "wider roots"),
            key(#"syscalls":{"allow":["mount"]}"#, "system calls"), key(#"cgroup":"/""#, "another cgroup"),
        ] + [
            request("unknown-policy", "no fallback", "a policy that does not exist", [.unknownPolicy]) { _ in
                RunRequest(argv: ["id"], policy: "none")
            },
            request(
                "empty-policy", "CVE-2025-66479 class", "a policy without a name", [.unknownPolicy, .invalidRequest]
            ) { _ in
                RunRequest(argv: ["id"], policy: "")
            },
            request(
                "policy-path", "CVE-2025-61260", "a policy by the path of a file", [.unknownPolicy, .invalidRequest]
            ) {
                RunRequest(argv: ["id"], policy: $0.service.directory.path + "/widest.yaml")
            },
            request("policy-dots", "path walk", "a policy by a path with ..", [.unknownPolicy, .invalidRequest]) { _ in
                RunRequest(argv: ["id"], policy: "../../default")
            },
            request(
                "bind-option", "CVE-2024-32462", "a command that begins with --bind",
                [.programNotFound, .invalidRequest]
            ) {
                _ in RunRequest(argv: ["--bind", "/", "/", "sh", "-c", "id"], policy: "widest")
            },
            request("dashes", "CVE-2024-32462", "a command that is --", [.programNotFound, .invalidRequest]) { _ in
                RunRequest(argv: ["--", "sh", "-c", "id"], policy: "widest")
            },
            request("nul-in-argv", "sandbox-runtime SOCKS5 NUL", "a NUL in an argument", [.invalidRequest]) { _ in
                RunRequest(argv: ["echo", "a\0b"], policy: "widest")
            },
            request(
                "nul-in-workspace", "sandbox-runtime SOCKS5 NUL", "a NUL in the workspace's path", [.invalidRequest]
            ) {
                RunRequest(argv: ["id"], policy: "widest", workspace: $0.canary.directory.path + "\0/allowed")
            },
            request("nul-in-cwd", "sandbox-runtime SOCKS5 NUL", "a NUL in the cwd", [.invalidRequest]) { _ in
                RunRequest(argv: ["id"], policy: "widest", cwd: "/tmp\0/..")
            },
            request("nul-in-environment", "sandbox-runtime SOCKS5 NUL", "a NUL in a variable", [.invalidRequest]) { _ in
                RunRequest(argv: ["id"], policy: "widest", environment: ["A": "b\0LD_PRELOAD=x"])
            },
            request("equals-in-environment", "wire", "a second variable in a variable's name", [.invalidRequest]) { _ in
                RunRequest(argv: ["id"], policy: "widest", environment: ["A=1\nLD_PRELOAD": "x"])
            },
            request("no-memory-limit", "Judge0 1.13.0", "a memory limit of 0", [.limitNotAllowed]) { _ in
                RunRequest(argv: ["id"], policy: "widest", limits: Limits(memoryBytes: 0))
            },
            request("endless-memory", "Judge0 1.13.0", "a memory limit of 2^64-1", [.limitNotAllowed]) { _ in
                RunRequest(argv: ["id"], policy: "widest", limits: Limits(memoryBytes: .max))
            },
            request("no-deadline", "Judge0 1.13.0", "a deadline of 0", [.limitNotAllowed]) { _ in
                RunRequest(argv: ["id"], policy: "widest", limits: Limits(wallMilliseconds: 0))
            },
            request("endless-processes", "Judge0 1.13.0", "2^63 processes", [.limitNotAllowed]) { _ in
                RunRequest(argv: ["id"], policy: "widest", limits: Limits(processes: 1 << 63))
            },
            request("negative-cpus", "Judge0 1.13.0", "-1 cores", [.limitNotAllowed, .invalidRequest]) { _ in
                RunRequest(argv: ["id"], policy: "widest", limits: Limits(cpus: -1))
            },
            request("tiny-cpus", "Judge0 1.13.0", "0 cores", [.limitNotAllowed, .invalidRequest]) { _ in
                RunRequest(argv: ["id"], policy: "widest", limits: Limits(cpus: 0))
            },
        ] + [
            HostCase("request-nan", "Judge0 1.13.0", "limits that are no numbers: NaN, 1e999, \"lots\"") { bench in
                for value in ["NaN", "1e999", "\"lots\"", "-1", "1.5"] {
                    let text =
                        #"{"type":"run","channel":1,"request":{"argv":["id"],"limits":{"memory_bytes":\#(value)}}}"#
                    let said = try answer(bench.service.socket, text)
                    if said?.0 == nil { return Judgement(.escaped(said?.1 ?? "no answer")) }
                }
                return Judgement(.stopped("refused"))
            },
            HostCase("sandboxctl-bind-option", "CVE-2024-32462", "sandboxctl exec -- --bind / / sh -c id") { bench in
                let ran = try Ran([
                    BuiltProducts.path("sandboxctl"), "exec", "--socket", bench.service.socket, "--", "--bind", "/",
                    "/",
                    "sh", "-c", "id",
                ])
                return Judgement(ran.status == 127 ? .stopped("127") : .escaped("\(ran)"))
            },
        ]

    private static func unusable(_ path: String) -> HostCase {
        HostCase(
            "workspace-\(path.split(separator: "/").joined(separator: "-"))", "CVE-2024-21626", "\(path) as workspace"
        ) {
            bench in
            Judgement(
                try await bench.refused(
                    RunRequest(argv: ["ls"], policy: "widest", workspace: path),
                    [.workspaceDenied, .workspaceNotFound, .workspaceNotDirectory, .invalidRequest]))
        }
    }

    private static func away(_ name: String, _ cwd: String) -> HostCase {
        HostCase("cwd-\(name)", "CVE-2024-21626, CVE-2025-59532", "\(cwd) as cwd, then the secret by a relative path") {
            bench in
            let directory = bench.directory()
            let up = String(repeating: "../", count: 12)
            let look = ["/bin/sh", "-c", "cat \(up)\(bench.canary.file.dropFirst()) secret"]
            return Judgement(
                bench.bySecret(try await bench.said(look, workspace: directory.path, cwd: cwd)),
                outside: bench.bySecret(try bench.outside(look, in: directory.path)))
        }
    }

    static let paths: [HostCase] =
        [
            "/", "/etc", "/usr", "/proc", "/proc/self/root", "/proc/1/cwd", "/proc/self/fd/3", "/dev/fd/0", "/sys",
            "/dev",
            "/run", "/var/lib", "/sys/fs/cgroup", "/home",
        ].map(unusable) + [
            HostCase("workspace-dots", "path walk", "a workspace with ..") { bench in
                Judgement(
                    try await bench.refused(
                        RunRequest(
                            argv: ["ls"], policy: "widest", workspace: bench.canary.directory.path + "/../../.."),
                        [.invalidRequest]))
            },
            HostCase("workspace-by-magic-link", "CVE-2024-21626", "a workspace through a link to /proc/self/cwd") {
                bench in
                let directory = bench.directory()
                guard symlink("/proc/self/root/etc", "\(directory.path)/link") == 0 else {
                    throw StageError.text("symlink")
                }
                return Judgement(
                    try await bench.refused(
                        RunRequest(argv: ["ls"], policy: "widest", workspace: directory.path + "/link"),
                        [.workspaceDenied, .workspaceNotFound, .workspaceNotDirectory, .invalidRequest]))
            },
        ] + [
            away("proc-1-cwd", "/proc/1/cwd"), away("proc-1-root", "/proc/1/root"),
            away("proc-self-fd", "/proc/self/fd/3"),
            away("proc-self-fd-0", "/proc/self/fd/0"), away("dots", "../../../.."), away("root", "/"),
            away("proc", "/proc/self/root/.."),
        ]
}
