import CoreMetrics
import Synchronization

/// One series: what was counted with one combination of labels.
protocol Series: AnyObject, Sendable {
    var values: SeriesValues { get }
}

/// What a series has to say, at one moment.
package enum SeriesValues: Sendable, Equatable {
    /// Goes up only.
    case count(UInt64)
    /// Goes up and down.
    case level(Double)
    /// - Parameters:
    ///   - buckets: upper bounds, and how many observations were at most that.
    ///   - sum: of all observations, in seconds.
    case histogram(buckets: [(bound: Double, count: UInt64)], sum: Double, count: UInt64)

    package static func == (one: SeriesValues, other: SeriesValues) -> Bool {
        switch (one, other) {
        case (.count(let one), .count(let other)): one == other
        case (.level(let one), .level(let other)): one == other
        case (.histogram(let first, let sum, let count), .histogram(let second, let otherSum, let otherCount)):
            first.elementsEqual(second, by: ==) && sum == otherSum && count == otherCount
        default: false
        }
    }
}

final class CountSeries: Series, CounterHandler {
    private let total = Mutex<UInt64>(0)

    var values: SeriesValues { .count(total.withLock { $0 }) }

    /// Stays at what there can be, rather than to begin anew.
    func increment(by amount: Int64) {
        total.withLock { total in
            let (sum, isTooMuch) = total.addingReportingOverflow(UInt64(max(0, amount)))
            total = isTooMuch ? .max : sum
        }
    }

    func reset() { total.withLock { $0 = 0 } }
}

final class LevelSeries: Series, MeterHandler, RecorderHandler {
    private let level = Mutex<Double>(0)

    var values: SeriesValues { .level(level.withLock { $0 }) }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { level.withLock { $0 = value } }
    func increment(by amount: Double) { level.withLock { $0 += amount } }
    func decrement(by amount: Double) { level.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
}

final class HistogramSeries: Series, TimerHandler, RecorderHandler {
    private struct State {
        var counts: [UInt64]
        var sum = 0.0
        var count: UInt64 = 0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    init(_ bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count)))
    }

    var values: SeriesValues {
        state.withLock { state in
            var sum: UInt64 = 0
            let buckets = zip(bounds, state.counts).map { bound, count in
                sum += count
                return (bound: bound, count: sum)
            }
            return .histogram(buckets: buckets, sum: state.sum, count: state.count)
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(max(0, duration)) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    /// Seconds. What is no number is no observation.
    func record(_ value: Double) {
        guard value.isFinite else { return }
        state.withLock { state in
            if let place = bounds.firstIndex(where: { value <= $0 }) { state.counts[place] += 1 }
            state.sum += value
            state.count += 1
        }
    }
}
