import Glibc

/// One run, outside or inside, after its end.
struct Outcome {
    var status: Int32
    var stdout: [UInt8]
    var stderr: [UInt8]
    var files: Snapshot
    /// The workspace's path as the command saw it. It is as long on both sides, so that one can stand for the other.
    var workspace: String
    /// Keeps the files there.
    var directory: Workspace
}

/// Outside against inside.
struct Comparison {
    let outside: Outcome
    let inside: Outcome
    let masks: [Mask]
    private(set) var differences: [String] = []
    /// Masks that found nothing to mask: leftovers, which would hide the next real difference.
    var unusedMasks: [Mask] { masks.indices.filter { !used.contains($0) }.map { masks[$0] } }
    private var used: Set<Int> = []

    init(outside: Outcome, inside: Outcome, masks: [Mask]) throws {
        self.outside = outside
        self.inside = inside
        self.masks = masks
        if outside.status != inside.status {
            differences.append("status: outside \(outside.status), inside \(inside.status)")
        }
        try compare("stdout", outside.stdout, inside.stdout)
        try compare("stderr", outside.stderr, inside.stderr)
        try compareFiles()
    }

    private mutating func compareFiles() throws {
        let names = Set(outside.files.entries.keys).union(inside.files.entries.keys)
        for name in names.sorted() {
            let (first, second) = (outside.files.entries[name], inside.files.entries[name])
            if first != second {
                let (left, right) = (first?.description ?? "not there", second?.description ?? "not there")
                differences.append("\(name): outside \(left), inside \(right)")
            }
            guard let first, let second, first.isFile, second.isFile else { continue }
            guard let left = outside.files.paths[name], let right = inside.files.paths[name] else { continue }
            try compare(name, try Snapshot.contents(left), try Snapshot.contents(right))
        }
    }

    private mutating func compare(_ place: String, _ outsideBytes: [UInt8], _ insideBytes: [UInt8]) throws {
        var left = Self.replace(outside.workspace, by: inside.workspace, in: outsideBytes)
        var right = insideBytes
        for (index, mask) in masks.enumerated() where mask.covers(place) {
            guard let pattern = mask.pattern else {
                used.insert(index)
                return
            }
            let expression = try Regex(pattern).anchorsMatchLineEndings()
            for (bytes, write) in [(left, { left = $0 }), (right, { right = $0 })] as [([UInt8], ([UInt8]) -> Void)] {
                let text = String(decoding: bytes, as: UTF8.self)
                let masked = text.replacing(expression, with: mask.replacement)
                if masked != text { used.insert(index) }
                write(Array(masked.utf8))
            }
        }
        guard left != right else { return }
        let first = Self.firstDifference(left, right)
        differences.append(
            "\(place): from byte \(first) of \(left.count) and \(right.count): "
                + "outside \(Self.excerpt(left, first)), inside \(Self.excerpt(right, first))")
    }

    private static func firstDifference(_ left: [UInt8], _ right: [UInt8]) -> Int {
        let (count, step) = (min(left.count, right.count), 1 << 12)
        for start in stride(from: 0, to: count, by: step) {
            let end = min(count, start + step)
            let same = left.withUnsafeBytes { first in
                right.withUnsafeBytes { memcmp(first.baseAddress! + start, $0.baseAddress! + start, end - start) == 0 }
            }
            if !same { return (start..<end).first { left[$0] != right[$0] } ?? start }
        }
        return count
    }

    private static func excerpt(_ bytes: [UInt8], _ offset: Int) -> String {
        let start = bytes[..<offset].lastIndex(of: 10).map { $0 + 1 } ?? 0
        return String(decoding: bytes[max(start, offset - 200)..<min(bytes.count, offset + 400)], as: UTF8.self)
            .debugDescription
    }

    /// The same number of bytes, so nothing moves.
    private static func replace(_ path: String, by other: String, in bytes: [UInt8]) -> [UInt8] {
        let (old, new) = (Array(path.utf8), Array(other.utf8))
        precondition(old.count == new.count, "paths of different lengths")
        guard old != new else { return bytes }
        var result = bytes
        result.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            var start = 0
            while let found = memchr(base + start, Int32(old[0]), buffer.count - start) {
                start = base.distance(to: UnsafeMutableRawPointer(found))
                guard buffer.count - start >= old.count else { return }
                if memcmp(found, old, old.count) == 0 { memcpy(found, new, new.count) }
                start += 1
            }
        }
        return result
    }
}
