import LaunchPlan
import LinuxSystem
package import SandboxModel

/// What no policy need be asked for: whether a request says something that a command can be started with.
package enum RequestValidation {
    /// Longest path that a request may name, with its NUL (PATH_MAX).
    private static let maximumPathBytes = 4096
    /// Ten a second cost the launcher little; less than one an hour is nobody's live view.
    private static let usageIntervals: ClosedRange<UInt64> = 100...3_600_000

    /// Throws `invalidRequest` or `argumentsTooLong`, naming the part that is wrong and never a variable's value.
    package static func check(_ request: RunRequest) throws(ServiceError) {
        guard let program = request.argv.first else { throw ServiceError(.invalidRequest, "argv is empty") }
        guard !program.isEmpty else { throw ServiceError(.invalidRequest, "the program's name is empty") }
        // By number first: what follows sorts and copies, and the loop serves everybody.
        try RunRequest.checkCount(request.argv.count + request.environment.count)
        for (index, argument) in request.argv.enumerated() {
            try refuseNul(in: argument, "argument \(index)")
        }
        for (name, value) in request.environment.sorted(by: { $0.key < $1.key }) {
            try checkName(name)
            try refuseNul(in: value, "the value of variable \(name)")
        }
        try checkLength(request)
        if let workspace = request.workspace { try checkWorkspace(workspace) }
        if let cwd = request.cwd {
            try refuseNul(in: cwd, "cwd")
            guard !cwd.isEmpty else { throw ServiceError(.invalidRequest, "cwd is empty") }
            guard cwd.utf8.count < maximumPathBytes else { throw ServiceError(.invalidRequest, "cwd is too long") }
        }
        try checkKeep(request.keep)
        if let unknown = request.acceptWeaker.first(where: { Weakness(rawValue: $0) == nil }) {
            throw ServiceError(
                .invalidRequest, "accept_weaker knows \(Weakness.names), not '\(unknown.shown)'")
        }
        if let interval = request.usageIntervalMilliseconds, !usageIntervals.contains(interval) {
            throw ServiceError(
                .invalidRequest,
                "usage_interval_ms of \(interval) is not accepted: "
                    + "\(usageIntervals.lowerBound) to \(usageIntervals.upperBound) are")
        }
        if let size = request.terminal, size.columns == 0 || size.rows == 0 {
            throw ServiceError(.invalidRequest, "terminal of \(size.columns) columns and \(size.rows) rows")
        }
    }

    private static func checkKeep(_ keep: OutputKeep?) throws(ServiceError) {
        let most = OutputKeep.maximumTailBytes
        for (name, part) in [("stdout", keep?.stdout), ("stderr", keep?.stderr)] {
            guard let tail = part?.tailBytes, tail > most else { continue }
            throw ServiceError(
                .invalidRequest, "keep.\(name).tail_bytes of \(tail) is not accepted: 0 to \(most) are")
        }
    }

    /// The whole of what the command will get, the policy's variables included.
    package static func checkLength(argv: [String], environment: [String]) throws(ServiceError) {
        try RunRequest.checkCount(argv.count + environment.count)
        let bytes = argv.reduce(0) { $0 + $1.utf8.count + 1 } + environment.reduce(0) { $0 + $1.utf8.count + 1 }
        guard bytes <= LaunchRequest.maximumStringBytes else {
            let most = LaunchRequest.maximumStringBytes
            throw ServiceError(
                .argumentsTooLong, "\(bytes) bytes of arguments and variables exceed the maximum of \(most)")
        }
    }

    /// A number that can be sent to a process; `kill(2)`'s 0 is none.
    package static func checkSignal(_ signal: Int32) throws(ServiceError) {
        guard (1...31).contains(signal) else {
            throw ServiceError(.invalidRequest, "signal \(signal) is none of 1 to 31")
        }
    }

    private static func checkLength(_ request: RunRequest) throws(ServiceError) {
        let longest = LaunchRequest.maximumStringLength
        for (index, argument) in request.argv.enumerated() where argument.utf8.count > longest {
            throw ServiceError(.argumentsTooLong, "argument \(index) exceeds the maximum of \(longest) bytes")
        }
        for (name, value) in request.environment.sorted(by: { $0.key < $1.key })
        where name.utf8.count + 1 + value.utf8.count > longest {
            throw ServiceError(.argumentsTooLong, "variable \(name) exceeds the maximum of \(longest) bytes")
        }
        try checkLength(argv: request.argv, environment: request.environment.map { "\($0.key)=\($0.value)" })
    }

    private static func checkWorkspace(_ path: String) throws(ServiceError) {
        try refuseNul(in: path, "workspace")
        let shown = path.shown
        guard path.utf8.first == UInt8(ascii: "/") else {
            throw ServiceError(.invalidRequest, "workspace \(shown) is not an absolute path")
        }
        guard path.utf8.count < maximumPathBytes else {
            throw ServiceError(.invalidRequest, "workspace is longer than \(maximumPathBytes - 1) bytes")
        }
        guard path != "/" else {
            throw ServiceError(.workspaceDenied, "workspace / is the root directory: a workspace is one below it")
        }
        guard PathText.isPlain(path, single: true) else {
            throw ServiceError(.invalidRequest, "workspace \(shown) has an empty, '.' or '..' component")
        }
    }

    private static func checkName(_ name: String) throws(ServiceError) {
        let isFirst = { (byte: UInt8) in
            byte == UInt8(ascii: "_") || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        }
        let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        guard let first = name.utf8.first else { throw ServiceError(.invalidRequest, "a variable's name is empty") }
        guard isFirst(first), name.utf8.allSatisfy({ isFirst($0) || isDigit($0) }) else {
            throw ServiceError(
                .invalidRequest, "variable name '\(name.shown)' is not of the form [A-Za-z_][A-Za-z0-9_]*")
        }
    }

    private static func refuseNul(in string: String, _ what: String) throws(ServiceError) {
        guard !string.utf8.contains(0) else { throw ServiceError(.invalidRequest, "\(what) contains a NUL byte") }
    }
}

extension String {
    /// For messages and logs: short, and without control characters that could forge a line or drive a terminal.
    package var shown: String {
        // Nearly always: nothing to look up.
        if utf8.count <= 120, utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return self }
        var text = ""
        for scalar in unicodeScalars.prefix(120) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                text += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return unicodeScalars.count > 120 ? text + "..." : text
    }
}
