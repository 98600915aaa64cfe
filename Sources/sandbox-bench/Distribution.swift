/// Percentiles of measured times, in nanoseconds; negative ones are possible where two clocks are compared.
struct Distribution<Value: FixedWidthInteger & Sendable>: Sendable {
    let p50: Value
    let p99: Value
    let maximum: Value

    /// By nearest rank: of 100 samples, the 99th is p99. At least one sample is needed.
    init(_ samples: [Value]) {
        let sorted = samples.sorted()
        p50 = sorted[sorted.count / 2]
        p99 = sorted[(sorted.count * 99 + 99) / 100 - 1]
        maximum = sorted[sorted.count - 1]
    }
}
