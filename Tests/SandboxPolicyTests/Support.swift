import SandboxPolicy
import Testing

/// A complete policy to vary: everything that must be there and nothing else.
let minimal = """
    version: 1
    filesystem: { read: [/usr], tmp: 1MiB, shm: 1MiB }
    limits: { memory: 1GiB, cpus: 2, processes: 8, open-files: 64, file-size: 1MiB, output: 1MiB, timeout: 10s }

    """

/// The built-in policies, read once.
let builtIn = Result { try PolicySet.builtIn() }

/// Loads texts as files over the built-ins.
func load(_ texts: KeyValuePairs<String, String>) throws -> PolicySet {
    try PolicySet.load(files: texts.map { ($0.key, Array($0.value.utf8)) }, over: try builtIn.get())
}

/// The policy `own` with these lines on top of `minimal`.
func policy(_ lines: String) throws -> Policy {
    try #require(try load(["own": minimal + lines])["own"])
}

/// What is wrong in a file, as "line:column: message", with "(? word)" where a word is suggested.
func problems(_ text: String, name: String = "bad") -> [String] { problems([name: text]) }

func problems(_ texts: KeyValuePairs<String, String>) -> [String] {
    do {
        _ = try load(texts)
        return []
    } catch let errors as PolicyErrors {
        return errors.diagnostics.map { problem in
            let place = "\(problem.location.line):\(problem.location.column)"
            return "\(place): \(problem.message)" + (problem.suggestion.map { " (? \($0))" } ?? "")
        }
    } catch {
        return ["\(error)"]
    }
}

/// Diagnostics for raw bytes.
func diagnostics(_ bytes: [UInt8]) throws -> [PolicyDiagnostic] {
    let base = try builtIn.get()
    do throws(PolicyErrors) {
        _ = try PolicySet.load(files: [("bad", bytes)], over: base)
        return []
    } catch {
        return error.diagnostics
    }
}
