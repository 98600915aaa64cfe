/// Where a value stands in a policy file: what every diagnostic, denial and explanation points to.
package struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
    /// The file's base name ("python.yaml"): a denial reaches callers, who need not learn where the host keeps it.
    package let file: String
    /// From 1.
    package let line: Int
    /// From 1, in Unicode scalars.
    package let column: Int

    package init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line`, the rule id of a denial.
    package var description: String { "\(file):\(line)" }
}

/// A value with the place that it came from.
struct Located<Value: Sendable & Hashable>: Sendable, Hashable {
    var value: Value
    var location: SourceLocation
}
