/// What the launcher has made ahead, what became of it, and what it has not finished taking apart.
package struct PoolReport: Sendable, Equatable {
    /// How many sandboxes may wait in all; 0: none is made ahead.
    package var capacity: UInt32
    /// Policies of which some wait, in the order of their names' bytes, each once.
    package var waiting: [Waiting]
    /// How many are being made.
    package var preparing: UInt32
    /// Runs that got a sandbox which had waited, and runs for which one had to be made. Nothing is counted without a pool.
    package var hits: UInt64
    package var misses: UInt64
    /// Runs whose end was told and that the kernel has not taken apart yet.
    package var dying: UInt32

    /// Sandboxes of one policy.
    package struct Waiting: Sendable, Equatable {
        package var policy: String
        /// At least 1.
        package var count: UInt32

        package init(policy: String, count: UInt32) {
            self.policy = policy
            self.count = count
        }
    }

    /// As many policies as the launcher takes. With the longest names they still fit an event.
    package static let maximumPolicies = 256
    private static let maximumNameBytes = 64

    package init(
        capacity: UInt32 = 0, waiting: [Waiting] = [], preparing: UInt32 = 0, hits: UInt64 = 0, misses: UInt64 = 0,
        dying: UInt32 = 0
    ) {
        self.capacity = capacity
        self.waiting = waiting
        self.preparing = preparing
        self.hits = hits
        self.misses = misses
        self.dying = dying
    }

    func encode(to writer: inout BinaryWriter) {
        writer.put(capacity)
        writer.put(UInt32(waiting.count))
        for entry in waiting {
            writer.put(entry.policy)
            writer.put(entry.count)
        }
        writer.put(preparing)
        writer.put(hits)
        writer.put(misses)
        writer.put(dying)
    }

    init(from reader: inout BinaryReader) throws(PlanError) {
        capacity = try reader.integer()
        let count = Int(try reader.integer(UInt32.self))
        guard count <= Self.maximumPolicies else { throw .tooLarge("waiting policies") }
        waiting = []
        for _ in 0..<count { waiting.append(try Self.entry(from: &reader, after: waiting.last)) }
        preparing = try reader.integer()
        hits = try reader.integer()
        misses = try reader.integer()
        dying = try reader.integer()
    }

    /// There is one way to write each report: no name twice, none without a sandbox.
    private static func entry(from reader: inout BinaryReader, after last: Waiting?) throws(PlanError) -> Waiting {
        let policy = try reader.string("policy name", maximum: maximumNameBytes)
        let count: UInt32 = try reader.integer()
        let isNext = last.map { $0.policy.utf8.lexicographicallyPrecedes(policy.utf8) } ?? true
        guard count > 0, isNext else { throw .badValue("waiting policies") }
        return Waiting(policy: policy, count: count)
    }
}
