import Foundation
import Testing

/// Checks values against the part of JSON Schema that the policy schema uses. An unknown keyword is an error here: it
/// would be a promise that no test looks at.
struct JSONSchemaValidator {
    struct UnknownKeyword: Error { let name: String }

    /// Where a value is not as the schema says; empty when it is.
    func problems(_ value: Any, _ schema: [String: Any], at path: String = "$") throws -> [String] {
        try schema.keys.sorted().flatMap { keyword in
            try check(keyword, schema[keyword] as Any, value, schema, at: path)
        }
    }

    private func check(
        _ keyword: String, _ argument: Any, _ value: Any, _ schema: [String: Any], at path: String
    ) throws -> [String] {
        func problem(_ holds: Bool) -> [String] { holds ? [] : ["\(path): \(keyword)"] }
        switch keyword {
        case "$schema", "title", "description": return []
        case "type":
            let types = argument as? [String] ?? [argument as? String ?? ""]
            return problem(types.contains { isType($0, value) })
        case "const": return problem(isEqual(argument, value))
        case "enum": return problem((argument as? [Any] ?? []).contains { isEqual($0, value) })
        case "anyOf":
            let fits = try (argument as? [[String: Any]] ?? []).contains { try problems(value, $0, at: path).isEmpty }
            return problem(fits)
        case "not": return problem(try !problems(value, argument as? [String: Any] ?? [:], at: path).isEmpty)
        case "pattern", "minLength", "maxLength": return problem(checkText(keyword, argument, value))
        case "minimum", "maximum": return problem(checkNumber(keyword, argument, value))
        case "items", "maxItems", "uniqueItems": return try checkArray(keyword, argument, value, at: path)
        case "properties", "required", "additionalProperties", "propertyNames", "minProperties":
            return try checkObject(keyword, argument, value, schema, at: path)
        default: throw UnknownKeyword(name: keyword)
        }
    }

    private func isType(_ type: String, _ value: Any) -> Bool {
        switch type {
        case "object": value is [String: Any]
        case "array": value is [Any]
        case "string": value is String
        case "boolean": value is Bool
        case "integer": value is Int
        case "null": value is NSNull
        case "number": value is Int || value is Double
        default: false
        }
    }

    private func isEqual(_ expected: Any, _ value: Any) -> Bool {
        switch value {
        case let text as String: expected as? String == text
        case let flag as Bool: expected as? Bool == flag
        case let number as Int: expected as? Int == number
        default: false
        }
    }

    private func checkText(_ keyword: String, _ argument: Any, _ value: Any) -> Bool {
        guard let text = value as? String else { return true }
        guard keyword == "pattern" else {
            let bound = argument as? Int ?? -1
            return keyword == "minLength" ? text.unicodeScalars.count >= bound : text.unicodeScalars.count <= bound
        }
        // A pattern that is no regular expression matches nothing, and a test fails.
        guard let expression = try? NSRegularExpression(pattern: argument as? String ?? "(") else { return false }
        return expression.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
    }

    private func checkNumber(_ keyword: String, _ argument: Any, _ value: Any) -> Bool {
        func number(_ value: Any) -> Double? { (value as? Int).map(Double.init) ?? value as? Double }
        guard !(value is Bool), let number = number(value), let bound = JSONSchemaValidator.bound(argument) else {
            return true
        }
        return keyword == "minimum" ? number >= bound : number <= bound
    }

    private static func bound(_ argument: Any) -> Double? { (argument as? NSNumber)?.doubleValue }

    private func checkArray(_ keyword: String, _ argument: Any, _ value: Any, at path: String) throws -> [String] {
        guard let items = value as? [Any] else { return [] }
        switch keyword {
        case "maxItems": return items.count <= argument as? Int ?? -1 ? [] : ["\(path): \(keyword)"]
        case "uniqueItems":
            let texts = items.map { "\($0)" }
            return Set(texts).count == texts.count ? [] : ["\(path): \(keyword)"]
        default:
            return try items.enumerated().flatMap { index, item in
                try problems(item, argument as? [String: Any] ?? [:], at: "\(path)[\(index)]")
            }
        }
    }

    private func checkObject(
        _ keyword: String, _ argument: Any, _ value: Any, _ schema: [String: Any], at path: String
    ) throws -> [String] {
        guard let object = value as? [String: Any] else { return [] }
        let named = schema["properties"] as? [String: [String: Any]] ?? [:]
        switch keyword {
        case "minProperties": return object.count >= argument as? Int ?? .max ? [] : ["\(path): \(keyword)"]
        case "required":
            let missing = (argument as? [String] ?? []).filter { object[$0] == nil }
            return missing.map { "\(path).\($0): required" }
        case "propertyNames":
            return try object.keys.flatMap { try problems($0, argument as? [String: Any] ?? [:], at: "\(path).\($0)") }
        case "properties":
            return try object.keys.sorted().flatMap { key in
                try named[key].map { try problems(object[key] as Any, $0, at: "\(path).\(key)") } ?? []
            }
        default:
            let others = object.keys.filter { named[$0] == nil }.sorted()
            if argument as? Bool == false { return others.map { "\(path).\($0): unknown" } }
            return try others.flatMap { key in
                try problems(object[key] as Any, argument as? [String: Any] ?? [:], at: "\(path).\(key)")
            }
        }
    }
}
