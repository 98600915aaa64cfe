import SandboxTestSupport
import Testing

/// Over-blocking is the other way to be useless: real programs behave in a sandbox as they do outside.
@Suite(.needs(.root), .needs(.cgroup), .serialized, .withService)
struct CompatibilityTests {
    @Test(arguments: Case.all) func `inside as outside`(_ task: Case) throws {
        let service = try #require(Service.current)
        if let program = task.missingProgram {
            service.add(Table.Row(task: task, result: .skipped(program: program)))
            guard HostFeature.programs.isRequired, !task.isOptional else {
                try Test.cancel("\(task.name) needs \(program)")
            }
            Issue.record("\(task.name) needs \(program), which SANDBOX_REQUIRE promised")
            return
        }
        let (outside, inside, report) = try Runner(task, service).run()
        // A case that fails or says nothing outside would prove nothing by doing the same inside.
        #expect(task.expectsFailure || outside.status == 0, "outside: status \(outside.status), \(outside.errors)")
        #expect(task.expectsFailure || !outside.stdout.isEmpty, "outside: no output")
        let comparison = try Comparison(outside: outside, inside: inside, masks: task.masks)
        service.add(Table.Row(task: task, result: task.result(of: comparison.differences)))
        for mask in comparison.unusedMasks { Issue.record("nothing to mask: \(mask.pattern ?? "\(mask.places)")") }
        if let reason = task.difference {
            #expect(!comparison.differences.isEmpty, "the same inside, and should differ: \(reason)")
        } else {
            let text = comparison.differences.prefix(8).joined(separator: "\n")
            #expect(comparison.differences.isEmpty, "\(text)\nstderr inside: \(inside.errors)\n\(report)")
        }
    }
}

extension Outcome {
    /// For messages.
    var errors: String { String(decoding: stderr.suffix(2000), as: UTF8.self) }
}

extension Case {
    /// Only commands that are about statuses and signals may end with one.
    var expectsFailure: Bool { if case .command = work { true } else { false } }

    func result(of differences: [String]) -> Table.Result {
        if let difference, !differences.isEmpty { return .differsByDesign(difference) }
        return differences.isEmpty ? .same : .differs(differences)
    }
}
