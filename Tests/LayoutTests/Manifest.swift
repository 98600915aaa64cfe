import Foundation

/// The package as its manifest text says, read with a few lines: targets by name with what they depend on.
struct Manifest {
    struct Target {
        var name: String
        var kind: String
        /// Targets of this package.
        var targets: Set<String> = []
        /// Products of other packages.
        var products: Set<String> = []
    }

    static let root: String = {
        let file = URL(filePath: #filePath)
        return file.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path()
    }()

    let targets: [String: Target]
    let text: String

    init() throws {
        text = try String(contentsOfFile: Self.root + "Package.swift", encoding: .utf8)
        let body = text[text.range(of: "targets: [\n")!.upperBound...]
        var targets: [String: Target] = [:]
        for kind in [".target", ".executableTarget", ".systemLibrary", ".testTarget"] {
            for call in Self.calls(of: kind, in: String(body)) {
                guard let name = Self.first(#"name: "([^"]+)""#, in: call) else { continue }
                targets[name] = Target(name: name, kind: kind)
                let list = Self.first(#"dependencies:\s*(\[[^\]]*\](?:\s*\+\s*\w+)?)"#, in: call) ?? ""
                targets[name]?.products = Set(Self.all(#"\.product\(name: "([^"]+)""#, in: list))
                for (variable, products) in Self.variables where list.contains(variable) {
                    targets[name]?.products.formUnion(products)
                }
                let plain = list.replacing(#/\.product\([^)]*\)/#, with: "")
                targets[name]?.targets = Set(Self.all(#""([^"]+)""#, in: plain))
            }
        }
        self.targets = targets
    }

    /// The manifest's own names for dependencies that several targets have.
    private static let variables = [
        "nio": ["NIOCore", "NIOPosix"], "argumentParser": ["ArgumentParser"], "logging": ["Logging"],
        "metrics": ["CoreMetrics"],
    ]

    /// A target and all that it depends on, in this package.
    func closure(of name: String) -> Set<String> {
        var closure: Set<String> = []
        var open = [name]
        while let next = open.popLast() {
            guard closure.insert(next).inserted else { continue }
            open += targets[next]?.targets ?? []
        }
        return closure
    }

    func products(ofClosure name: String) -> Set<String> {
        closure(of: name).reduce(into: []) { $0.formUnion(targets[$1]?.products ?? []) }
    }

    /// The text between the parentheses of each call, which may hold parentheses.
    private static func calls(of name: String, in text: String) -> [String] {
        text.components(separatedBy: name + "(").dropFirst().map { rest in
            var depth = 1
            return String(
                rest.prefix { character in
                    if character == "(" { depth += 1 }
                    if character == ")" { depth -= 1 }
                    return depth > 0
                })
        }
    }

    private static func first(_ pattern: String, in text: String) -> String? { all(pattern, in: text).first }

    private static func all(_ pattern: String, in text: String) -> [String] {
        guard let expression = try? NSRegularExpression(pattern: pattern) else { return [] }
        let range = NSRange(text.startIndex..., in: text)
        return expression.matches(in: text, range: range).compactMap { match in
            Range(match.range(at: 1), in: text).map { String(text[$0]) }
        }
    }
}

/// A source file and what it imports.
struct SourceFile {
    var path: String
    var target: String
    var lines: [String]

    var imports: Set<String> {
        Set(
            lines.compactMap { line in
                let words = line.split(separator: " ").map(String.init)
                guard let index = words.firstIndex(of: "import"), words.prefix(index).allSatisfy(isModifier) else {
                    return nil
                }
                return words.last?.split(separator: ".").first.map(String.init)
            })
    }

    private func isModifier(_ word: String) -> Bool {
        ["package", "public", "internal", "private", "fileprivate", "@testable", "@preconcurrency", "@_exported"]
            .contains(word)
    }

    /// Every file below `Sources` and `Tests` with one of these endings.
    static func all(_ endings: [String]) throws -> [SourceFile] {
        var files: [SourceFile] = []
        for folder in ["Sources", "Tests"] {
            let names = try FileManager.default.subpathsOfDirectory(atPath: Manifest.root + folder)
            for name in names where endings.contains(where: { name.hasSuffix($0) }) {
                let text = try String(contentsOfFile: "\(Manifest.root)\(folder)/\(name)", encoding: .utf8)
                files.append(
                    SourceFile(
                        path: "\(folder)/\(name)", target: String(name.split(separator: "/")[0]),
                        lines: text.components(separatedBy: "\n")))
            }
        }
        return files
    }
}
