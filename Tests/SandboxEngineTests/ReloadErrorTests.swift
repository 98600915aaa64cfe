import LaunchPlan
import NIOCore
import NIOPosix
import SandboxModel
import SandboxPolicy
import Testing

@testable import SandboxEngine

/// What whoever asks for a reload is told when the launcher has none for him.
@Suite struct ReloadErrorTests {
    private func error(_ fixture: ServerFixture) throws -> ServiceError? {
        let (parts, loop) = (fixture.parts, fixture.group.next())
        let answer = loop.makePromise(of: ServiceError?.self)
        loop.execute {
            let engine = parts.value.engine
            engine.readPolicies = { _ in try PolicySet.builtIn() }
            do throws(ServiceError) {
                try engine.reload { result in
                    switch result {
                    case .success: answer.succeed(nil)
                    case .failure(let error): answer.succeed(error)
                    }
                }
            } catch {
                answer.succeed(error)
            }
        }
        return try answer.futureResult.wait()
    }

    @Test(arguments: [
        (ReloadFailure.policies, ServiceError.Code.invalidPolicies, ServiceError.Category.permanent),
        (.busy, .overloaded, .temporary), (.reader, .launchFailed, .temporary),
        (.unsupported, .invalidRequest, .permanent),
    ])
    func `only wrong files are wrong policies`(
        _ failure: ReloadFailure, _ code: ServiceError.Code, _ category: ServiceError.Category
    ) throws {
        let fixture = try ServerFixture()
        fixture.launcher.set(reload: .reloadFailed(failure, reason: "x is why"))
        let error = try error(fixture)
        #expect(error?.code == code && error?.category == category && error?.message == "x is why")
        #expect((error?.retryAfterMilliseconds != nil) == (category == .temporary))
        // Nothing is under way any more.
        #expect(try self.error(fixture)?.code == code)
    }

    @Test func `one at a time, and the next may come soon`() throws {
        let fixture = try ServerFixture()
        let parts = fixture.parts
        try fixture.group.next().submit {
            let engine = parts.value.engine
            engine.readPolicies = { _ in try PolicySet.builtIn() }
            try engine.reload { _ in }
        }.wait()
        let error = try error(fixture)
        #expect(error?.code == .overloaded && error?.category == .temporary && error?.retryAfterMilliseconds == 100)
    }
}
