/// One policy file as written: its own keys, before its parent's are merged in.
struct PolicyFile: Sendable {
    let name: String
    let source: SourceText
    var description: String?
    var parent: Located<String>?
    /// Keys that children may only narrow, each with the place in `final`.
    var finals: [PolicyKey: SourceLocation] = [:]
    var settings: [PolicyKey: Located<Setting>] = [:]
    /// Where a missing limit is reported.
    var limitsLocation: SourceLocation
    /// Keys whose value could not be read: what depends on them is not known, which is no second problem.
    var unread: Set<PolicyKey> = []
    /// False when the file could not even be taken apart.
    var isLegible = true
    let origin: PolicyOrigin

    /// Names that a policy may have: what fits a file name, a command line and the launcher's field of 64 bytes.
    static func isValidName(_ name: String) -> Bool {
        let isWord = name.utf8.allSatisfy { VariableName.isLowerCase($0) || $0 == UInt8(ascii: "-") }
        return isWord && !name.isEmpty && name.utf8.count <= 64 && !name.hasPrefix("-")
    }

    /// Reads a file: what could be read of it, and everything that is wrong in it. `nil` when it is not even text.
    static func read(_ input: PolicyInput) -> (file: PolicyFile?, problems: [PolicyDiagnostic]) {
        let name = input.name
        let file = "\(name.prefix(100)).yaml"
        guard isValidName(name) else {
            let location = SourceLocation(file: file, line: 1, column: 1)
            let message = "'\(name.prefix(100))' is not a policy's name (a-z, 0-9, _ and -, at most 64)"
            return (nil, [PolicyDiagnostic(location: location, message: message, path: input.path)])
        }
        let source: SourceText
        do throws(PolicyDiagnostic) {
            source = try SourceText(file: file, path: input.path, contents: input.contents)
        } catch {
            return (nil, [error])
        }
        var problems = Problems()
        let root = YAMLReader.read(source, problems: &problems)
        var reader = ValueReader(source: source, problems: problems)
        var read = PolicyFile(name: name, source: source, origin: input.origin)
        if let root { read.readTop(root, with: &reader) } else { read.isLegible = false }
        if reader.problems.list.count >= Problems.maximum { read.isLegible = false }
        return (read, reader.problems.sorted)
    }

    private init(name: String, source: SourceText, origin: PolicyOrigin) {
        self.name = name
        self.source = source
        self.origin = origin
        limitsLocation = SourceLocation(file: source.file, line: 1, column: 1)
    }
}

// MARK: - Keys

extension PolicyFile {
    private mutating func readTop(_ root: SourceNode, with reader: inout ValueReader) {
        guard case .map(let entries) = root.content else {
            reader.report(root.location, "a policy must be a mapping that begins with 'version: 1', not \(root.kind)")
            isLegible = false
            return
        }
        if !entries.contains(where: { $0.key.value == "version" }) {
            reader.report(root.location, "'version: 1' is missing")
        }
        for entry in entries { readTop(entry, with: &reader) }
    }

    private mutating func readTop(_ entry: SourceNode.Entry, with reader: inout ValueReader) {
        let key = entry.key.value
        switch key {
        case "version":
            if case .scalar("1", plain: true) = entry.value.content { return }
            reader.report(entry.value.location, "'version' must be 1, the only version that this sandboxd reads")
        case "description": description = reader.text(entry.value, for: key)
        case "extends":
            guard let parent = reader.text(entry.value, for: key) else {
                isLegible = false
                return
            }
            self.parent = Located(value: parent, location: entry.value.location)
        case "final": readFinals(entry.value, with: &reader)
        default:
            if PolicyKey.sections.contains(key) {
                readSection(entry, with: &reader)
            } else if let known = PolicyKey(rawValue: key), known.isTopLevel {
                read(entry, as: known, with: &reader)
            } else {
                reportUnknown(entry.key, section: nil, with: &reader)
            }
        }
    }

    private mutating func readSection(_ section: SourceNode.Entry, with reader: inout ValueReader) {
        let name = section.key.value
        if name == "limits" { limitsLocation = section.key.location }
        guard case .map(let entries) = section.value.content else {
            reader.report(section.value.location, "'\(name)' must be a mapping, not \(section.value.kind)")
            unread.formUnion(PolicyKey.keys(of: name))
            return
        }
        // Here, and only here, an empty section would read as "nobody" and mean "everybody".
        if name == "tenants", entries.isEmpty {
            reader.report(section.value.location, "'tenants' is empty; write 'users: []' for nobody")
        }
        if name == "docker", entries.isEmpty {
            reader.report(section.value.location, "'docker' is empty; write 'image: NAME', or leave it out")
            unread.formUnion(PolicyKey.keys(of: name))
        }
        for entry in entries {
            if let key = PolicyKey.keys(of: name).first(where: { $0.name == entry.key.value }) {
                read(entry, as: key, with: &reader)
            } else {
                reportUnknown(entry.key, section: name, with: &reader)
            }
        }
    }

    private mutating func read(_ entry: SourceNode.Entry, as key: PolicyKey, with reader: inout ValueReader) {
        let before = reader.problems.list.count
        guard let setting = reader.setting(entry.value, for: key) else {
            unread.insert(key)
            return
        }
        // A list of which an entry was refused is not what its writer meant.
        if reader.problems.list.count > before { unread.insert(key) } else { unread.remove(key) }
        settings[key] = Located(value: setting, location: entry.key.location)
    }

    private mutating func readFinals(_ node: SourceNode, with reader: inout ValueReader) {
        for element in reader.elements(node, for: "final") ?? [] {
            guard let name = reader.text(element, for: "final") else { continue }
            var keys = PolicyKey.keys(of: name)
            if let key = PolicyKey(rawValue: name) { keys.append(key) }
            if keys.isEmpty {
                let known = PolicyKey.sections + PolicyKey.allCases.map(\.rawValue)
                let suggestion = Spelling.nearest(to: name, among: known)
                reader.report(element.location, "unknown key '\(name.prefix(40))' in 'final'", suggestion: suggestion)
            }
            // Whoever may add a group lets in more users.
            if keys.contains(.tenantUsers) || keys.contains(.tenantGroups) { keys += [.tenantUsers, .tenantGroups] }
            for key in keys { finals[key] = element.location }
        }
    }

    private mutating func reportUnknown(_ key: Located<String>, section: String?, with reader: inout ValueReader) {
        let path = section.map { "\($0).\(key.value)" } ?? key.value
        // What was meant is not known, so none of the section's keys counts as missing.
        if let section { unread.formUnion(PolicyKey.keys(of: section).filter { settings[$0] == nil }) }
        if section == PolicyKey.image.section, let refusal = ContainerRefusal(key: key.value) {
            reader.report(key.location, "'\(path.prefix(40))': \(refusal.reason)")
            return
        }
        let near: String?
        if let section {
            near = Spelling.nearest(to: key.value, among: PolicyKey.keys(of: section).map(\.name))
        } else {
            let known =
                PolicyKey.fileKeys + PolicyKey.sections + PolicyKey.allCases.filter(\.isTopLevel).map(\.rawValue)
            near = Spelling.nearest(to: key.value, among: known)
        }
        // Without its parent, nothing can be said about the rest.
        if near == "extends" { isLegible = false }
        // The right key in the wrong section.
        let elsewhere = PolicyKey.allCases.first { $0.name == key.value.replacing("_", with: "-") }?.rawValue
        let place = section.map { " in '\($0)'" } ?? ""
        let message = "unknown key '\(key.value.prefix(40))'\(place)"
        reader.report(key.location, message, suggestion: near ?? elsewhere)
    }
}
