// Stand-in for the policy layer until it is merged; the merge deletes this file.
package import LaunchPlan
package import SandboxModel

package struct SourceLocation: Sendable, Hashable {
    package let file: String
    package let line: Int
    package let column: Int
    package var description: String { "\(file):\(line):\(column)" }
}

package struct EnvironmentRefusal: Error {
    package let denial: Denial
}

package enum CommandVerdict: Sendable, Equatable {
    case allowed(rule: SourceLocation?)
    case denied(Denial)
}

package struct PolicyErrors: Error, CustomStringConvertible {
    package var description: String
}

package struct Policy: Sendable {
    package let name: String
    package let description: String
    package let limits: Limits

    package func compiled() -> CompiledPolicy {
        CompiledPolicy(
            name: name, readPaths: ["/usr"], tmpBytes: 64 << 20, shmBytes: 16 << 20, workspaceMode: .write,
            workspaceRoots: ["/"], executeWritten: true, loopback: false,
            maximum: LaunchLimits(
                memoryBytes: 512 << 20, cpuMillicores: 1000, processes: 64, openFiles: 256,
                fileSizeBytes: 100 << 20))
    }

    package func judge(argv: [String]) -> CommandVerdict {
        guard argv.first == "forbidden" else { return .allowed(rule: nil) }
        return .denied(Denial(kind: .command, rule: "default.yaml:1", subject: argv.joined(separator: " ")))
    }

    package func environment(requested: [String: String]) throws(EnvironmentRefusal) -> [String] {
        if requested["LD_PRELOAD"] != nil {
            throw EnvironmentRefusal(
                denial: Denial(kind: .environment, rule: "default.yaml:2", subject: "LD_PRELOAD"))
        }
        return (["PATH=/usr/bin:/bin"] + requested.map { "\($0)=\($1)" }).sorted()
    }

    package func narrowed(by wanted: Limits) throws(ServiceError) -> Limits {
        var limits = self.limits
        limits.memoryBytes = wanted.memoryBytes ?? limits.memoryBytes
        limits.outputBytes = wanted.outputBytes ?? limits.outputBytes
        limits.wallMilliseconds = wanted.wallMilliseconds ?? limits.wallMilliseconds
        limits.cpuMilliseconds = wanted.cpuMilliseconds ?? limits.cpuMilliseconds
        limits.idleMilliseconds = wanted.idleMilliseconds ?? limits.idleMilliseconds
        return limits
    }

    package func origin(of key: String) -> SourceLocation? { nil }
}

package struct PolicySet: Sendable {
    package static func builtIn() throws(PolicyErrors) -> PolicySet { PolicySet() }

    package static func load(
        files: [(name: String, contents: [UInt8])], over base: PolicySet
    ) throws(PolicyErrors) -> PolicySet { base }

    package subscript(name: String) -> Policy? {
        guard name == "default" else { return nil }
        return Policy(
            name: "default", description: "stand-in",
            limits: Limits(
                memoryBytes: 512 << 20, cpus: 1, processes: 64, openFiles: 256, fileSizeBytes: 100 << 20,
                outputBytes: 10 << 20, wallMilliseconds: 30_000))
    }

    package var names: [String] { ["default"] }
}
