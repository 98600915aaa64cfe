import SandboxEngine

/// What sandboxd was told, as `Sandboxd` describes it.
struct StartUpOptions {
    var socket = "/run/sandboxd/sandboxd.sock"
    var connection: Int32?
    var policyDirectory: String?
    var policyFiles: [String] = []
    var onlyPolicy: String?
    var user: String?
    var group: String?
    var socketMode: String?
    var launcher: String?
    var landlockAudit = false
    var warm: UInt32 = 8
    var limits = EngineLimits()
    var logLevel = "info"

    init() {}

    /// The arguments of a daemon for one call (`PrivateDaemon`), which is started for each command: ArgumentParser takes 3 ms
    /// for them. `nil` for any others, which are its.
    init?(ofPrivateDaemon arguments: ArraySlice<String>) {
        var rest = arguments
        while let name = rest.popFirst() {
            guard let value = rest.popFirst(), !value.hasPrefix("-") else { return nil }
            switch name {
            case "--connection-fd":
                guard let number = Int32(value) else { return nil }
                connection = number
            case "--log-level": logLevel = value
            case "--warm":
                guard value == "0" else { return nil }
                warm = 0
            case "--policy-file": policyFiles.append(value)
            case "--only-policy": onlyPolicy = value
            default: return nil
            }
        }
        guard connection != nil else { return nil }
    }
}
