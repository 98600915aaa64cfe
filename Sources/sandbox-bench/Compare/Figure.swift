/// A number that the project promises something of, or that explains one.
struct Figure: Encodable, Sendable {
    /// As `--json` names it.
    var key: String
    var value: Double
    var kind: FigureKind

    init(_ kind: FigureKind, _ value: Double, key: String? = nil) {
        self.kind = kind
        self.value = value
        self.key = key ?? kind.key
    }

    var isMet: Bool? { kind.target.map { $0.isMet(by: value) } }

    /// How far from what is promised: 1 is just met, 2 is twice too much or half of what it should be.
    var distance: Double? { kind.target.map { $0.distance(of: value) } }

    private enum CodingKeys: String, CodingKey { case value, unit, target, met, meaning }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        // Six digits say more than any of these measurements can.
        try values.encode((value * 1e6).rounded() / 1e6, forKey: .value)
        try values.encode(kind.unit.rawValue, forKey: .unit)
        try values.encode(kind.meaning, forKey: .meaning)
        try values.encodeIfPresent(kind.target?.text, forKey: .target)
        try values.encodeIfPresent(isMet, forKey: .met)
    }
}

/// What a figure should be.
enum Target: Sendable {
    case atMost(Double)
    case atLeast(Double)
    case within(Double, Double)

    func isMet(by value: Double) -> Bool { distance(of: value) <= 1 }

    func distance(of value: Double) -> Double {
        switch self {
        case .atMost(let most): most == 0 ? (value <= 0 ? 0 : .infinity) : value / most
        case .atLeast(let least): value <= 0 ? .infinity : least / value
        case .within(let least, let most): max(value / most, value <= 0 ? .infinity : least / value)
        }
    }

    var text: String {
        switch self {
        case .atMost(let most): "<= \(Self.number(most))"
        case .atLeast(let least): ">= \(Self.number(least))"
        case .within(let least, let most): "\(Self.number(least)) to \(Self.number(most))"
        }
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() ? "\(Int64(value))" : "\(value)"
    }
}

enum FigureUnit: String, Sendable {
    case ratio
    case milliseconds = "ms"
    case microseconds = "us"
    case bytes
    case perSecond = "1/s"
    case bytesPerSecond = "bytes/s"
    case perMinute = "1/min"
    case count

    func shown(_ value: Double) -> String {
        switch self {
        case .ratio: Shown.decimals(value, 2)
        case .milliseconds: Shown.decimals(value, 2) + " ms"
        case .microseconds: Shown.decimals(value, 0) + " us"
        case .bytes: Shown.mebibytes(UInt64(max(0, value)))
        case .perSecond: Shown.decimals(value, 0) + " /s"
        case .bytesPerSecond: Shown.decimals(value / 1_048_576, 0) + " MiB/s"
        case .perMinute: Shown.decimals(value, 1) + " /min"
        case .count: Shown.decimals(value, 0)
        }
    }
}
