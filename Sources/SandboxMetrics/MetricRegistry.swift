package import CoreMetrics
import Synchronization

/// Metrics of one process, kept in memory and read as text: a backend of swift-metrics. Its counters, timers and meters have a series
/// for each combination of labels.
///
/// How much text all series are in all is bounded, since labels can come from requests, and the text is one message: of a series too
/// many, everything is counted into one of its family whose labels all are `other`.
package final class MetricRegistry: MetricsFactory, Sendable {
    /// A family: what its series count.
    package struct Family: Sendable {
        package var name: String
        package var help: String
        /// Upper bounds of a histogram's buckets, in seconds, ascending; none: it is no histogram.
        package var buckets: [Double]

        package init(_ name: String, _ help: String, buckets: [Double] = []) {
            self.name = name
            self.help = help
            self.buckets = buckets
        }

        /// Of a series' text, at most but for what has to be escaped.
        fileprivate func bytes(_ labels: [Label]) -> Int {
            let line = labels.reduce(name.utf8.count + 48) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
            return buckets.isEmpty ? line : line * (buckets.count + 3)
        }
    }

    private struct State {
        var series: [String: [[Label]: any Series]] = [:]
        /// Of their text, at most.
        var bytes = 0
    }

    private let families: [String: Family]
    private let maximumBytes: Int
    private let state = Mutex(State())

    /// - Parameter families: those that there are. A metric of any other is not kept.
    package init(_ families: [Family], maximumBytes: Int = 512 << 10) {
        self.families = Dictionary(uniqueKeysWithValues: families.map { ($0.name, $0) })
        self.maximumBytes = maximumBytes
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, { CountSeries() }) ?? CountSeries()
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        aggregate ? histogram(label, dimensions) : level(label, dimensions)
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        level(label, dimensions)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions)
    }

    private func level(_ label: String, _ dimensions: [(String, String)]) -> LevelSeries {
        series(label, dimensions, { LevelSeries() }) ?? LevelSeries()
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramSeries {
        let bounds = families[label]?.buckets ?? []
        return series(label, dimensions, { HistogramSeries(bounds) }) ?? HistogramSeries(bounds)
    }

    // Series are never destroyed: whoever counts here does it for the life of the process.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    /// The series of these labels; `nil` where the family is not known, or has series of another kind.
    private func series<Kind: Series>(
        _ name: String, _ dimensions: [(String, String)], _ make: () -> Kind
    ) -> Kind? {
        guard let family = families[name] else { return nil }
        let labels = dimensions.map { Label(name: $0.0, value: $0.1) }.sorted { $0.name < $1.name }
        return state.withLock { state in
            if let known = state.series[name]?[labels] { return known as? Kind }
            var labels = labels
            let bytes = family.bytes(labels)
            if state.bytes + bytes > maximumBytes {
                labels = labels.map { Label(name: $0.name, value: "other") }
                if let known = state.series[name]?[labels] { return known as? Kind }
            }
            let made = make()
            state.series[name, default: [:]][labels] = made
            state.bytes += bytes
            return made
        }
    }

    /// All series that may be seen, as text (`Exposition`).
    ///
    /// - Parameter isVisible: of a series' labels.
    package func text(where isVisible: ([Label]) -> Bool = { _ in true }) -> String {
        let series = state.withLock(\.series)
        var text = Exposition()
        for name in families.keys.sorted() {
            guard let family = families[name] else { continue }
            let shown = (series[name] ?? [:]).filter { isVisible($0.key) }
            text.add(family, shown.map { (labels: $0.key, values: $0.value.values) })
        }
        return text.text
    }
}

/// What a series is told apart by.
package struct Label: Sendable, Hashable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
