import ShellSyntax

/// What one use of a wrapper comes to: its options' effects and the words behind them.
struct WrapperUse {
    private(set) var rest: [ShellValue]
    let hasDashes: Bool
    let hasLateOption: Bool
    private(set) var keys: Set<String> = []
    /// The arguments of options, by their key, the last of each.
    private(set) var values: [String: ShellValue] = [:]
    private(set) var texts: [ShellValue] = []
    private(set) var programs: [ShellValue] = []
    /// What stands for the input.
    private(set) var replaced: [ShellValue] = []
    private(set) var variables: [ShellValue] = []
    private(set) var loadsCode = false
    private(set) var leavesOperands = false
    private(set) var startsShell: Bool
    private(set) var isDirect = false
    private(set) var isText = false
    private(set) var isProcess = false
    private(set) var runsNothing = false
    private(set) var split: ShellValue?
    private(set) var doubts: [String]

    init(_ words: [ShellValue], _ wrapper: CommandWrapper) {
        let reading = WrapperReading(words, wrapper.options, ends: wrapper.ends)
        rest = reading.operands
        hasDashes = reading.hasDashes
        hasLateOption = reading.hasLateOption
        doubts = reading.doubts
        variables = reading.assignments
        startsShell = wrapper.startsShell
        for option in reading.options {
            keys.insert(option.key)
            values[option.key] = option.value
            if let effect = wrapper.effects[option.key] { apply(effect, option) }
        }
        if split == nil { takeOperands(wrapper) }
        if variables.contains(where: \.mayBeSeveral) { doubts.append("an assignment may be several words") }
    }

    private mutating func apply(_ effect: CommandWrapper.Effect, _ option: WrapperReading.Given) {
        switch effect {
        case .sets: variables += option.value.map { [$0] } ?? []
        case .loads: loadsCode = true
        case .runs: programs += option.value.map { [$0] } ?? []
        case .runsText: texts += option.value.map { [$0] } ?? []
        case .splits: split = option.value ?? ShellValue(literal: "")
        case .ends: break
        case .replaces: replaced = [option.value ?? ShellValue(literal: "{}")]  // The last one holds.
        case .leavesOperands: leavesOperands = true
        case .startsShell: startsShell = true
        case .isDirect: isDirect = true
        case .isText: isText = true
        case .isProcess: isProcess = true
        case .pipes: pipe(option.value)
        case .runsNothing: runsNothing = true
        case .hides(let reason): doubts.append(reason)
        case .configures: configure(option.value)
        }
    }

    private mutating func pipe(_ value: ShellValue?) {
        guard let value else { return }
        if value.prefix.isEmpty, value.literal == nil { doubts.append("a file that is not known may be a command") }
        guard let first = value.prefix.unicodeScalars.first, first == "|" || first == "!" else { return }
        var segments = value.segments
        if case .text(let text) = segments[0] { segments[0] = .text(String(text.unicodeScalars.dropFirst())) }
        texts.append(ShellValue(segments: segments))
    }

    /// Options of ssh_config(5) that run or load something here.
    private static let running: Set<String> = [
        "proxycommand", "localcommand", "knownhostscommand", "pkcs11provider", "securitykeyprovider", "xauthlocation",
        "include", "match",
    ]

    private mutating func configure(_ value: ShellValue?) {
        guard let value else { return }
        let key = value.prefix.drop { !$0.isLetter }.prefix { $0.isLetter || $0.isNumber }.lowercased()
        let isKnown = value.literal != nil || value.prefix.contains("=")
        if !isKnown || Self.running.contains(key) { doubts.append("an option of ssh may run a program") }
    }

    private mutating func takeOperands(_ wrapper: CommandWrapper) {
        var words = rest[...]
        if wrapper.skipsDash, words.first?.literal == "-" { words = words.dropFirst() }
        if !wrapper.leadingOperand, !leavesOperands {
            for word in words.prefix(wrapper.operands) {
                if word.mayBeSeveral { doubts.append("an operand may be several words") }
                if wrapper.isNumeric, let text = word.literal, Int(text) == nil {
                    doubts.append("an operand is no number")
                }
            }
            words = words.dropFirst(wrapper.operands)
        }
        while wrapper.assigns, let word = words.first, word.assignedName != nil {
            variables.append(word)
            words = words.dropFirst()
        }
        rest = Array(words)
    }

    /// With what a second reading, of the words behind the operands, finds.
    mutating func resume(_ later: WrapperUse) {
        doubts += later.doubts
        rest = later.rest
    }
}
