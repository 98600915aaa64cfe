import SandboxModel
import SeccompFilter

/// The policy format as JSON Schema (draft 2020-12), for editors. Made from `PolicyKey`: what the reader takes and what
/// this describes cannot drift apart. What only merging shows, and units' ranges, are for `sandboxctl policy check`.
package enum PolicySchema {
    package static var text: String { schema.text() + "\n" }

    private static var schema: JSONValue {
        var properties: [(key: String, value: JSONValue)] = [
            ("version", described("The version of the format.", [("const", .number("1"))])),
            ("description", described("One line for `sandboxctl policy list`.", words())),
            ("extends", described("The parent, from which everything is inherited that is not said here.", name)),
            ("final", described("Keys or sections that children may only narrow.", list(ofWords: finals))),
        ]
        for key in PolicyKey.allCases where key.isTopLevel { properties.append((key.rawValue, property(key))) }
        properties += PolicyKey.sections.map { ($0, section($0)) }
        return .object([
            ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
            ("title", .string("Policy of sandboxd")), ("type", .string("object")),
            ("required", .strings(["version"])), ("additionalProperties", .bool(false)),
            ("properties", .object(properties)),
        ])
    }

    private static var finals: [String] { PolicyKey.sections + PolicyKey.allCases.map(\.rawValue) }

    private typealias Entries = [(key: String, value: JSONValue)]

    private static func section(_ name: String) -> JSONValue {
        var entries: Entries = [("type", .string("object")), ("additionalProperties", .bool(false))]
        if ["tenants", "docker"].contains(name) { entries.append(("minProperties", .number("1"))) }
        entries.append(("properties", .object(PolicyKey.keys(of: name).map { ($0.name, property($0)) })))
        return described(PolicyKey.sectionSummaries[name] ?? name, entries)
    }

    private static func described(_ summary: String, _ entries: Entries) -> JSONValue {
        .object([("description", .string(summary))] + entries)
    }

    private static func property(_ key: PolicyKey) -> JSONValue { described(key.summary, entries(key)) }

    private static func entries(_ key: PolicyKey) -> Entries {
        switch key.kind {
        case .amount(let kind): amount(kind)
        case .word(let words): [("enum", .strings(words))]
        case .image:
            matching(ImageReference.pattern) + [("maxLength", .number(UInt64(ImageReference.maximumBytes)))]
        case .containerUser:
            anyOf([
                .object(matching(ContainerUser.pattern)),
                .object([
                    ("type", .string("integer")), ("minimum", .number("1")),
                    ("maximum", .number(UInt64(UInt32.max) - 1)),
                ]),
            ])
        case .containerNetwork:
            matching(ContainerNetwork.pattern) + [("not", .object([("enum", .strings(ContainerNetwork.never))]))]
        case .flag: [("type", .string("boolean"))]
        case .readPaths:
            list(of: .object(matching(PolicyPath.pattern) + [("not", .object([("enum", .strings(PolicyPath.never))]))]))
        case .hidePaths, .libraries: list(of: .object(matching(PolicyPath.pattern)))
        case .programs: list(of: .object(matching(PolicyPath.programPattern)))
        case .roots:
            // To an editor, a plain ~ is YAML's null.
            list(
                of: .object([
                    ("type", .strings(["string", "null"])), ("pattern", .string(PolicyPath.rootPattern)),
                ]), maximum: ValueReader.maximumRoots)
        case .variableNames:
            list(of: .object(matching("^([A-Za-z_][A-Za-z0-9_]*)?\\*?$") + [("minLength", .number("1"))]))
        case .variables:
            [
                ("type", .string("object")), ("propertyNames", .object(matching("^[A-Za-z_][A-Za-z0-9_]*$"))),
                ("additionalProperties", .object([("type", .strings(["string", "number", "boolean"]))])),
            ]
        case .syscalls: list(of: .object(systemCall(key)))
        case .accounts:
            list(
                of: .object([
                    (
                        "anyOf",
                        .array([
                            .object(matching("^[A-Za-z0-9_.$@][A-Za-z0-9_.$@-]*$")),
                            .object([
                                ("type", .string("integer")), ("minimum", .number("0")),
                                ("maximum", .number(UInt64(UInt32.max) - 1)),
                            ]),
                        ])
                    )
                ]))
        case .rules: list(of: rule)
        }
    }

    private static func anyOf(_ choices: [JSONValue]) -> Entries { [("anyOf", .array(choices))] }

    private static func amount(_ kind: AmountKind) -> Entries {
        switch kind {
        case .bytes(let range), .rate(let range): matching(ByteCount.pattern(zero: range.contains(0)))
        case .duration(let range): matching(TimeSpan.pattern(zero: range.contains(0)))
        case .count(let range):
            [
                ("type", .string("integer")), ("minimum", .number(range.lowerBound)),
                ("maximum", .number(range.upperBound)),
            ]
        case .cores: [("type", .string("number")), ("minimum", .number("0.001")), ("maximum", .number("1024"))]
        }
    }

    private static func matching(_ pattern: String) -> Entries {
        [("type", .string("string")), ("pattern", .string(pattern))]
    }

    private static func words() -> Entries {
        [
            ("type", .strings(["string", "number", "boolean"])), ("minLength", .number("1")),
            ("maxLength", .number(UInt64(ValueReader.maximumText))),
        ]
    }

    private static var name: Entries { matching("^[a-z0-9_][a-z0-9_-]{0,63}$") }

    private static func list(of item: JSONValue, maximum: Int = ValueReader.maximumItems) -> Entries {
        [
            ("type", .string("array")), ("maxItems", .number(UInt64(maximum))), ("uniqueItems", .bool(true)),
            ("items", item),
        ]
    }

    private static func list(ofWords words: [String]) -> Entries {
        [("type", .string("array")), ("items", .object([("enum", .strings(words))]))]
    }

    /// Groups with their meaning, and calls by name: an editor completes both.
    private static func systemCall(_ key: PolicyKey) -> Entries {
        let calls = SystemCallCatalog.names.filter { key != .syscallsAllow || !SystemCallCatalog.isNeverAllowed($0) }
        let groups = SystemCallCatalog.groups.map { group in
            JSONValue.object([("const", .string(group.name)), ("description", .string(group.summary))])
        }
        return [("anyOf", .array(groups + [.object([("enum", .strings(calls))])]))]
    }

    private static var rule: JSONValue {
        let program = JSONValue.object(matching("^(/[^/\\s][^\\s]*|[^/\\s]+)$"))
        let properties: Entries = RuleKey.allCases.map { key in
            switch key {
            case .program:
                (key.rawValue, described(key.summary, matching("^(/[^/\\s][^\\s]*|[^/\\s]+)$")))
            case .arguments:
                (
                    key.rawValue,
                    described(
                        key.summary,
                        [
                            ("type", .string("array")), ("maxItems", .number("64")),
                            ("items", .object([("type", .strings(["string", "number", "boolean"]))])),
                        ])
                )
            case .check:
                (key.rawValue, described(key.summary, [("enum", .strings(CommandCheck.allCases.map(\.rawValue)))]))
            case .reason, .hint: (key.rawValue, described(key.summary, words()))
            }
        }
        func mapping(_ required: RuleKey, without others: [RuleKey]) -> JSONValue {
            .object([
                ("type", .string("object")), ("required", .strings([required.rawValue])),
                ("additionalProperties", .bool(false)),
                ("properties", .object(properties.filter { entry in !others.contains { $0.rawValue == entry.0 } })),
            ])
        }
        let patterns = mapping(.program, without: [.check])
        return .object([("anyOf", .array([program, patterns, mapping(.check, without: [.program, .arguments])]))])
    }
}
