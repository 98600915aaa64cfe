import Glibc
import LaunchPlan
import SandboxModel
import Testing

@testable import SandboxEngine

/// What a client is told of an engine that did not do what it was to: by `EngineFailure.launchFailure` of sandbox-docker.
@Suite struct ContainerFailureTests {
    struct Row: Sendable {
        var failure: LaunchFailure
        var code: ServiceError.Code
        var category: ServiceError.Category
        var message: String

        init(
            _ stage: LaunchStage, _ errno: Int32, retry: UInt64?, _ code: ServiceError.Code,
            _ category: ServiceError.Category,
            _ message: String
        ) {
            failure = LaunchFailure(stage, errno: errno, "the thing", retryAfterMilliseconds: retry)
            (self.code, self.category, self.message) = (code, category, message)
        }
    }

    private static let rows = [
        Row(.containerEngine, ENOENT, retry: 1000, .engineUnavailable, .temporary, "reach the container engine"),
        Row(.containerEngine, EACCES, retry: 1000, .engineUnavailable, .temporary, ": the thing: EACCES"),
        Row(.containerEngine, ETIMEDOUT, retry: 5000, .engineUnavailable, .temporary, "ETIMEDOUT"),
        Row(.containerEngine, EPROTO, retry: 5000, .engineUnavailable, .temporary, "EPROTO"),
        Row(.containerEngine, ESTALE, retry: 100, .engineUnavailable, .temporary, "ESTALE"),
        Row(.containerEngine, ECONNREFUSED, retry: 77, .engineUnavailable, .temporary, "ECONNREFUSED"),
        // Its interface is too old, which no waiting changes.
        Row(.containerEngine, 0, retry: nil, .hostUnsupported, .permanent, "the thing"),
        Row(.containerImage, ENOENT, retry: nil, .imageNotFound, .permanent, "find the image of policy 'tools'"),
        Row(.containerImage, EINPROGRESS, retry: 5000, .imageNotFound, .temporary, "EINPROGRESS"),
        Row(.containerImage, EINVAL, retry: nil, .imageNotFound, .permanent, "EINVAL"),
        Row(.containerCreate, ENOSPC, retry: 5000, .launchFailed, .temporary, "create the container of policy 'tools'"),
        Row(.containerCreate, EIO, retry: nil, .launchFailed, .permanent, "EIO"),
        Row(.containerCreate, ETIMEDOUT, retry: 5000, .launchFailed, .temporary, "ETIMEDOUT"),
        Row(.containerStart, EIO, retry: 5000, .launchFailed, .temporary, "start the container of policy 'tools'"),
        Row(.containerEnter, EPERM, retry: nil, .launchFailed, .permanent, "enter the container: the thing: EPERM"),
        Row(.refused, ESTALE, retry: nil, .policyReplaced, .temporary, "'tools' was replaced"),
    ]

    @Test(arguments: rows) func `a client is told whether to come again, and when`(_ row: Row) {
        let request = LaunchRequest(
            run: 1, policy: "tools", client: 1, workspace: nil, cwd: "", argv: ["true"], environment: [],
            limits: LaunchLimits(memoryBytes: 1, cpuMillicores: 1, processes: 1, openFiles: 1, fileSizeBytes: 1),
            terminal: false)
        let error = ServiceError(row.failure, request: request)
        #expect(error.code == row.code && error.category == row.category, "\(error)")
        #expect(error.message.contains(row.message), "\(error.message)")
        if row.failure.stage != .refused {
            #expect(error.retryAfterMilliseconds == row.failure.retryAfterMilliseconds, "\(error)")
        }
        if row.code != .policyReplaced { #expect(error.stage == row.failure.stage.name) }
    }
}
