import SandboxModel

/// A file of tests for one policy, read as strictly as policies are.
package struct PolicyTestFile: Sendable {
    /// The policy's name, or, with a slash or the ending `.yaml`, its file as seen from the directory of this one.
    package let policy: String
    package let tests: [PolicyTest]
    private let policyLocation: SourceLocation
    private let source: SourceText

    /// - Parameter path: how the file is named in diagnostics.
    /// - Throws: everything that is wrong in it.
    package init(path: String, contents: [UInt8]) throws(PolicyErrors) {
        let base = path.split(separator: "/").last.map(String.init) ?? path
        let source: SourceText
        do throws(PolicyDiagnostic) {
            source = try SourceText(file: base, path: path, contents: contents)
        } catch {
            throw PolicyErrors(diagnostics: [error])
        }
        var problems = Problems()
        let root = YAMLReader.read(source, problems: &problems)
        var reader = PolicyTestReader(reader: ValueReader(source: source, problems: problems))
        if let root { reader.read(root) }
        guard reader.reader.problems.list.isEmpty, let policy = reader.policy else {
            throw PolicyErrors(diagnostics: reader.reader.problems.sorted)
        }
        self.source = source
        self.policy = policy.value
        policyLocation = policy.location
        tests = reader.tests
    }

    /// A test with what came of it; `nil` where the policy answered as expected.
    package typealias Outcome = (test: PolicyTest, failure: PolicyDiagnostic?)

    package func run(on policy: Policy, host: HostView) -> [Outcome] {
        tests.map { test in
            guard let failure = test.failure(of: policy, on: host) else { return (test, nil) }
            let name = test.label.map { "'\($0)': " } ?? ""
            return (test, source.diagnostic(failure.location, name + failure.value))
        }
    }

    /// For a policy that cannot be had.
    package func diagnostic(_ message: String, suggestion: String? = nil) -> PolicyDiagnostic {
        source.diagnostic(policyLocation, message, suggestion: suggestion)
    }
}

/// Reads the keys of a test file.
private struct PolicyTestReader {
    var reader: ValueReader
    var policy: Located<String>?
    var tests: [PolicyTest] = []

    private static let fileKeys = ["version", "description", "policy", "tests"]
    /// What a test asks; one of them.
    private static let questions = [
        "command", "shell", "path", "connect", "syscall", "variable", "environment", "limit", "user",
    ]
    static let details = [
        "name", "expect", "rule", "hint", "access", "value", "is", "at-most", "groups",
    ]
    private static let maximumTests = 1024

    mutating func read(_ root: SourceNode) {
        guard case .map(let entries) = root.content else {
            reader.report(
                root.location, "a file of tests must be a mapping that begins with 'version: 1', not \(root.kind)")
            return
        }
        for key in ["version", "policy", "tests"] where !entries.contains(where: { $0.key.value == key }) {
            reader.report(root.location, key == "version" ? "'version: 1' is missing" : "'\(key)' is missing")
        }
        for entry in entries {
            switch entry.key.value {
            case "version":
                if case .scalar("1", plain: true) = entry.value.content { continue }
                reader.report(entry.value.location, "'version' must be 1, the only version that is read")
            case "description": _ = reader.text(entry.value, for: "description")
            case "policy":
                guard let name = reader.text(entry.value, for: "policy") else { continue }
                policy = Located(value: name, location: entry.value.location)
            case "tests":
                let elements = reader.elements(entry.value, for: "tests", maximum: Self.maximumTests) ?? []
                if elements.isEmpty { reader.report(entry.value.location, "'tests' has no test") }
                tests = elements.compactMap { test($0) }
            default: reportUnknown(entry.key, among: Self.fileKeys, in: "a file of tests")
            }
        }
    }

    private mutating func reportUnknown(_ key: Located<String>, among known: [String], in place: String) {
        let suggestion = Spelling.nearest(to: key.value, among: known)
        reader.report(key.location, "unknown key '\(key.value.prefix(40))' in \(place)", suggestion: suggestion)
    }

    private mutating func test(_ node: SourceNode) -> PolicyTest? {
        guard case .map(let entries) = node.content else {
            reader.report(node.location, "a test must be a mapping, not \(node.kind)")
            return nil
        }
        let known = Self.questions + Self.details
        for entry in entries where !known.contains(entry.key.value) {
            reportUnknown(entry.key, among: known, in: "a test")
        }
        let asked = entries.filter { Self.questions.contains($0.key.value) }
        guard let first = asked.first, asked.count == 1 else {
            let list = Self.questions.joined(separator: ", ")
            reader.report(node.location, "a test asks one thing, one of \(list); this asks \(asked.count)")
            return nil
        }
        var test = TestEntries(reader: reader, entries: entries, kind: first.key.value)
        defer { reader = test.reader }
        return test.test(first.value, at: node.location)
    }
}

/// The entries of one test.
private struct TestEntries {
    var reader: ValueReader
    let entries: [SourceNode.Entry]
    let kind: String

    private func value(_ key: String) -> SourceNode? { entries.first { $0.key.value == key }?.value }

    private mutating func text(_ key: String) -> Located<String>? {
        guard let node = value(key), let text = reader.text(node, for: key) else { return nil }
        return Located(value: text, location: node.location)
    }

    private mutating func text(_ node: SourceNode) -> String? { reader.text(node, for: kind, maximum: 4096) }

    /// Keys that mean something beside this question.
    private var details: [String] {
        let always = ["name", "rule", "hint"]
        switch kind {
        case "path": return always + ["expect", "access"]
        case "variable": return always + ["expect", "value"]
        case "environment": return always + ["value"]
        case "limit": return always + ["is", "at-most"]
        case "user": return always + ["expect", "groups"]
        default: return always + ["expect"]
        }
    }

    mutating func test(_ node: SourceNode, at location: SourceLocation) -> PolicyTest? {
        for entry in entries
        where PolicyTestReader.details.contains(entry.key.value) && !details.contains(entry.key.value) {
            reader.report(entry.key.location, "'\(entry.key.value.prefix(40))' means nothing beside '\(kind)'")
        }
        let label = text("name")?.value
        let rule = text("rule")
        let hint = text("hint")
        let expectation = details.contains("expect") ? self.expectation(location) : .allow
        guard let question = question(node, at: location), let expectation else { return nil }
        return PolicyTest(
            location: location, label: label, question: question, expectation: expectation, rule: rule, hint: hint)
    }

    private mutating func expectation(_ location: SourceLocation) -> PolicyTest.Expectation? {
        let words = PolicyTest.Expectation.allCases.map(\.rawValue).prefix(kind == "syscall" ? 5 : 2)
        guard value("expect") != nil else {
            reader.report(location, "'expect' is missing; it is one of \(words.joined(separator: ", "))")
            return nil
        }
        guard let word = text("expect") else { return nil }
        guard words.contains(word.value), let expectation = PolicyTest.Expectation(rawValue: word.value) else {
            let near = Spelling.nearest(to: word.value, among: Array(words))
            let message = "'expect' must be one of \(words.joined(separator: ", ")), not '\(word.value.prefix(40))'"
            reader.report(word.location, message, suggestion: near)
            return nil
        }
        return expectation
    }

    private mutating func question(_ node: SourceNode, at location: SourceLocation) -> PolicyTest.Question? {
        switch kind {
        case "command":
            let words = (reader.elements(node, for: kind) ?? []).compactMap { text($0) }
            if words.isEmpty { reader.report(node.location, "'command' must be a list of words") }
            return words.isEmpty ? nil : .command(words)
        case "shell": return text(node).map { .command(["sh", "-c", $0]) }
        case "path":
            guard let path = text(node), let access = access() else { return nil }
            return .path(path, access)
        case "connect": return text(node).map(PolicyTest.Question.connection)
        case "syscall": return text(node).map(PolicyTest.Question.systemCall)
        case "variable": return text(node).map { .variable($0, value: text("value")?.value ?? "x") }
        case "environment":
            guard let name = text(node) else { return nil }
            guard let value = text("value") else {
                reader.report(location, "'environment' needs a 'value'; 'variable' asks what a request may set")
                return nil
            }
            return .environment(name, value: value.value)
        case "limit": return limit(node, at: location)
        default:
            guard let uid = number(node) else { return nil }
            let groups = value("groups").flatMap { reader.elements($0, for: "groups") } ?? []
            return .user(uid, groups: groups.compactMap { number($0) })
        }
    }

    private mutating func access() -> PathAccess? {
        guard let word = text("access") else { return value("access") == nil ? .read : nil }
        if let access = PathAccess(rawValue: word.value) { return access }
        let words = PathAccess.allCases.map(\.rawValue)
        reader.report(
            word.location, "'access' must be one of \(words.joined(separator: ", ")), not '\(word.value.prefix(40))'",
            suggestion: Spelling.nearest(to: word.value, among: words))
        return nil
    }

    private mutating func number(_ node: SourceNode) -> UInt32? {
        guard let text = text(node) else { return nil }
        if let number = AccountName.number(text) { return number }
        reader.report(
            node.location, "'\(kind)' must be a number, not '\(text.prefix(40))': names differ from host to host")
        return nil
    }

    private mutating func limit(_ node: SourceNode, at location: SourceLocation) -> PolicyTest.Question? {
        guard let name = text(node) else { return nil }
        let keys = PolicyKey.allCases.filter { $0.isAmount && $0 != .ahead }
        // As options and messages spell them, and then as keys: what no request can narrow has only that.
        let options = RequestLimit.allCases.map { ($0.name, $0.key) }
        let known = options + keys.filter { key in !options.contains { $0.1 == key } }.map { ($0.name, $0) }
        let asked = known.first { $0.0 == name }?.1
        guard let key = asked ?? keys.first(where: { $0.rawValue == name || $0.name == name }) else {
            let names = known.map(\.0)
            reader.report(
                node.location,
                "there is no limit '\(name.prefix(40))'; there are \(names.joined(separator: ", "))",
                suggestion: Spelling.nearest(to: name, among: names))
            return nil
        }
        guard let amount = value("is") ?? value("at-most"), (value("is") == nil) != (value("at-most") == nil) else {
            reader.report(location, "'limit' needs either 'is' or 'at-most'")
            return nil
        }
        guard case .amount(let wanted)? = reader.setting(amount, for: key) else { return nil }
        return .amount(key, wanted, isExact: value("is") != nil)
    }
}
