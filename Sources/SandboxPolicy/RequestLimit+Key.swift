import SandboxModel

extension RequestLimit {
    /// The policy's key.
    var key: PolicyKey {
        switch self {
        case .memory: .memory
        case .swap: .swap
        case .cpus: .cpus
        case .processes: .processes
        case .openFiles: .openFiles
        case .fileSize: .fileSize
        case .output: .output
        case .stdout: .stdout
        case .stderr: .stderr
        case .tmp: .tmp
        case .workspaceSize: .workspaceSize
        case .workspaceInodes: .workspaceInodes
        case .readRate: .readRate
        case .writeRate: .writeRate
        case .timeout: .timeout
        case .cpuTime: .cpuTime
        case .idle: .idle
        case .grace: .grace
        }
    }
}
