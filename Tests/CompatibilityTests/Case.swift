import Glibc
import Testing

/// A task that is done twice, outside and in a sandbox, and must have the same outcome.
struct Case: Sendable, CustomTestStringConvertible {
    enum Work: Sendable {
        /// A file below `Scripts`, copied into the empty workspace and given to its interpreter or compiler; or a
        /// directory, whose files are copied and whose `run.sh` is started.
        case script(String)
        case command([String])
    }

    var name: String
    /// One line for the table.
    var task: String
    var work: Work
    var policy = "default"
    /// Programs to be found in `PATH`, or patterns of absolute paths, beyond what starts the script.
    var programs: [String] = []
    /// Not among the packages that `make test` installs, and therefore never required.
    var isOptional = false
    var masks: [Mask] = []
    /// Bytes of standard input. They are the same on both sides and look like noise.
    var inputSize = 0
    /// Why inside must differ from outside, where the sandbox is meant to. That it differs is then the test.
    var difference: String?

    init(
        _ script: String, _ task: String, policy: String = "default", needs programs: [String] = [],
        optional: Bool = false, masks: [Mask] = [], inputSize: Int = 0, difference: String? = nil
    ) {
        self.name = script
        self.task = task
        self.work = .script(script)
        self.policy = policy
        self.programs = programs
        self.isOptional = optional
        self.masks = masks
        self.inputSize = inputSize
        self.difference = difference
    }

    /// A case without a script.
    init(command: [String], _ name: String, _ task: String, policy: String = "default") {
        self.name = name
        self.task = task
        self.work = .command(command)
        self.policy = policy
    }

    var testDescription: String { name }

    /// What is started in the workspace.
    var command: [String] {
        guard case .script(let path) = work else {
            if case .command(let words) = work { return words }
            return []
        }
        let file = path.split(separator: "/").last.map(String.init) ?? path
        guard let dot = file.lastIndex(of: ".") else { return ["bash", "run.sh"] }
        switch file[dot...] {
        case ".py": return ["python3", file]
        case ".pl": return ["perl", file]
        case ".js": return ["node", file]
        case ".java": return ["java", file]
        case ".rb": return ["ruby", file]
        case ".go": return ["go", "run", file]
        case ".dash": return ["dash", file]
        case ".c": return ["sh", "-c", Self.compile("gcc -std=gnu17 -O1", file)]
        case ".cpp": return ["sh", "-c", Self.compile("g++ -std=c++20 -O0", file)]
        case ".rs": return ["sh", "-c", "rustc -o program \(file) && exec ./program"]
        default: return ["bash", file]
        }
    }

    private static func compile(_ compiler: String, _ file: String) -> String {
        "\(compiler) -Wall -Wextra -Werror -pthread -o program \(file) -lrt -lm -ldl && exec ./program"
    }

    /// The first program that this host does not have.
    var missingProgram: String? {
        var needed = programs
        let words = command
        needed.append(words[0])
        if words[0] == "sh", words.count > 2, let compiler = words[2].split(separator: " ").first {
            needed.append(String(compiler))
        }
        return needed.first { !Self.isPresent($0) }
    }

    private static func isPresent(_ program: String) -> Bool {
        guard program.contains("/") else {
            return searchPath.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
        }
        var found = glob_t()
        defer { globfree(&found) }
        return glob(program, 0, nil, &found) == 0
    }

    /// As the policies set it; sandboxes see the host's /usr and nothing else of it.
    static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

/// What is not compared, because it must differ.
struct Mask: Sendable {
    /// Patterns over `stdout`, `stderr` and names of files in the workspace.
    var places: [String]
    /// What is replaced. Without it nothing of the place's contents is compared.
    var pattern: String?
    var replacement = ""
    var reason: String

    /// Replaces what matches a regular expression, on both sides.
    static func text(
        _ pattern: String, as replacement: String, in places: [String] = ["stdout"], because reason: String
    ) -> Self {
        Mask(places: places, pattern: pattern, replacement: replacement, reason: reason)
    }

    /// Compares name, type and mode of these files, and not their contents.
    static func contents(of places: [String], because reason: String) -> Self {
        Mask(places: places, reason: reason)
    }

    func covers(_ place: String) -> Bool { places.contains { fnmatch($0, place, 0) == 0 } }
}
