import Glibc

/// What the cases found, for people.
struct Table {
    enum Result {
        case same
        case differsByDesign(String)
        case skipped(program: String)
        case differs([String])
    }

    struct Row {
        var task: Case
        var result: Result
    }

    var rows: [Row]

    private func count(_ matches: (Result) -> Bool) -> Int { rows.filter { matches($0.result) }.count }

    var markdown: String {
        let same = count { if case .same = $0 { true } else { false } }
        let byDesign = count { if case .differsByDesign = $0 { true } else { false } }
        let skipped = count { if case .skipped = $0 { true } else { false } }
        var lines = [
            "# Inside as outside", "",
            "Each case does the same work twice, at the same time, on two copies of the same directory: on the host as an",
            "ordinary user, and in a sandbox of a real daemon. Compared byte for byte: exit status, standard output, standard",
            "error, and everything in the workspace (names, types, modes, owners, links, contents). What must differ is masked,",
            "case by case, on both sides; the last column says what and why.", "",
            "Written by `SANDBOX_COMPATIBILITY_TABLE=FILE swift test --disable-xctest --no-parallel --filter",
            "CompatibilityTests` on \(Self.today), \(Self.system).", "",
            "\(rows.count) cases: \(same) same, \(byDesign) differ where the sandbox means it, \(skipped) skipped, "
                + "\(rows.count - same - byDesign - skipped) differ and should not.",
            "", "| case | what it does | policy | inside | masked |", "| --- | --- | --- | --- | --- |",
        ]
        lines += rows.map(Self.line)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(_ row: Row) -> String {
        let result =
            switch row.result {
            case .same: "same"
            case .differsByDesign(let reason): "differs: \(reason)"
            case .skipped(let program): "skipped: no \(program)"
            case .differs(let differences): "**differs**: \(differences.first ?? "")"
            }
        let masks = row.task.masks.map { mask in
            let places = mask.places == ["stdout"] ? "" : " (\(mask.places.joined(separator: ", ")))"
            return mask.reason + places
        }
        let cells = [row.task.name, row.task.task, row.task.policy, result, masks.joined(separator: "; ")]
        return "| " + cells.map(escaped).joined(separator: " | ") + " |"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("*", with: "\\*").replacing("\n", with: " ")
    }

    func write(to path: String) throws {
        guard let file = fopen(path, "we") else { throw ServiceError.text("failed to write \(path): errno \(errno)") }
        defer { fclose(file) }
        fputs(markdown, file)
    }

    private static var today: String {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 20)
        strftime(&text, 20, "%Y-%m-%d", &parts)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static var system: String {
        var names = utsname()
        uname(&names)
        let release = withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let machine = withUnsafeBytes(of: &names.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return "Linux \(release) \(machine)"
    }
}
