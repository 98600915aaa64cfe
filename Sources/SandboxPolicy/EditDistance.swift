/// "Did you mean": the nearest of a few valid words.
enum Spelling {
    /// The candidate that is at most a third of its letters (and one) away from `word`; `nil` when none is near.
    ///
    /// Ties go to the first candidate, so that the answer does not change from run to run.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let plain = word.lowercased().replacing("_", with: "-")
        guard plain.utf8.count <= 64 else { return nil }
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(plain, candidate)
            guard distance <= 1 + candidate.count / 4, distance < (best?.distance ?? .max) else { continue }
            best = (candidate, distance)
        }
        return best?.candidate
    }

    /// Insertions, deletions, substitutions and swaps of neighbours ("optimal string alignment").
    static func distance(_ left: String, _ right: String) -> Int {
        let a = Array(left.utf8)
        let b = Array(right.utf8)
        var beforePrevious: [Int] = []
        var previous = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var cost = min(previous[j] + (a[i] == b[j] ? 0 : 1), previous[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforePrevious[j - 1] + 1) }
                row.append(cost)
            }
            beforePrevious = previous
            previous = row
        }
        return previous[b.count]
    }
}
