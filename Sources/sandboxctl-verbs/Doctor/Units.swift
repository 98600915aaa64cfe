/// What `systemctl show` wrote of sandboxd's units: blocks of lines `Name=value`.
struct Units {
    static let properties = [
        "Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "NeedDaemonReload", "Delegate",
        "DelegateControllers", "TasksMax", "LimitNOFILE", "ControlGroup", "MainPID", "ExecMainStartTimestampMonotonic",
    ]

    private var units: [String: [String: String]] = [:]
    /// There is a systemd that answers.
    let isKnown: Bool

    init(_ text: String?) {
        isKnown = text != nil
        var block: [String: String] = [:]
        // A last block ends too.
        for line in ((text ?? "") + "\n\n").split(separator: "\n", omittingEmptySubsequences: false) {
            if let sign = line.firstIndex(of: "=") {
                block[String(line[..<sign])] = String(line[line.index(after: sign)...])
            } else if line.isEmpty {
                if let id = block["Id"] { units[id] = block }
                block = [:]
            }
        }
    }

    subscript(_ property: String, of unit: String) -> String? { units[unit]?[property] }

    func service(_ property: String) -> String? { self[property, of: "sandboxd.service"] }
    func socket(_ property: String) -> String? { self[property, of: "sandboxd.socket"] }

    var isServiceInstalled: Bool { service("LoadState") == "loaded" }
    var isSocketInstalled: Bool { socket("LoadState") == "loaded" }
    var isServiceActive: Bool { service("ActiveState") == "active" }
    /// Somebody's first connection starts the service.
    var waitsForClient: Bool {
        socket("ActiveState") == "active" && ["inactive", "failed"].contains(service("ActiveState") ?? "")
    }
}
