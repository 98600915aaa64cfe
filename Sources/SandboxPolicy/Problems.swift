/// Collects the diagnostics of one file: all of them, up to a bound, each once.
struct Problems {
    /// Beyond this the file is not a policy but something else.
    static let maximum = 100

    private(set) var list: [PolicyDiagnostic] = []

    mutating func add(_ diagnostic: PolicyDiagnostic) {
        guard list.count < Self.maximum, !list.contains(diagnostic) else { return }
        list.append(diagnostic)
    }

    /// In the order of the file, as people read it.
    var sorted: [PolicyDiagnostic] {
        list.sorted { ($0.location.line, $0.location.column) < ($1.location.line, $1.location.column) }
    }
}
