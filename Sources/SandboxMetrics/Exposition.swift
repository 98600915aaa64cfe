/// The text in which Prometheus reads metrics, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
package struct Exposition {
    package private(set) var text = ""

    package init() {}

    /// A family with its series, in the order of their labels. One without series is left out.
    package mutating func add(_ family: MetricRegistry.Family, _ series: [(labels: [Label], values: SeriesValues)]) {
        guard let first = series.first else { return }
        let kind =
            switch first.values {
            case .count: "counter"
            case .level: "gauge"
            case .histogram: "histogram"
            }
        text += "# HELP \(family.name) \(Self.escaped(family.help))\n# TYPE \(family.name) \(kind)\n"
        for (labels, values) in series.map({ (Self.text(of: $0.labels), $0.values) }).sorted(by: { $0.0 < $1.0 }) {
            add(family.name, labels, values)
        }
    }

    private mutating func add(_ name: String, _ labels: String, _ values: SeriesValues) {
        switch values {
        case .count(let count): line(name, labels, "\(count)")
        case .level(let level): line(name, labels, Self.text(of: level))
        case .histogram(let buckets, let sum, let count):
            for bucket in buckets { line("\(name)_bucket", labels, le: Self.text(of: bucket.bound), "\(bucket.count)") }
            line("\(name)_bucket", labels, le: "+Inf", "\(count)")
            line("\(name)_sum", labels, Self.text(of: sum))
            line("\(name)_count", labels, "\(count)")
        }
    }

    private mutating func line(_ name: String, _ labels: String, le: String? = nil, _ value: String) {
        let all = [labels, le.map { "le=\"\($0)\"" } ?? ""].filter { !$0.isEmpty }.joined(separator: ",")
        text += all.isEmpty ? "\(name) \(value)\n" : "\(name){\(all)} \(value)\n"
    }

    private static func text(of labels: [Label]) -> String {
        labels.map { "\($0.name)=\"\(escaped($0.value, quote: true))\"" }.joined(separator: ",")
    }

    private static func text(of number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? "\(Int64(number))" : "\(number)"
    }

    /// Backslashes and line feeds, and in a label's value quotes.
    private static func escaped(_ text: String, quote: Bool = false) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quote: escaped += "\\\""
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
