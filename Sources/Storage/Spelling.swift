/// Finds the nearest known word, for messages about an unknown word.
package enum Spelling {
  /// Returns "; did you mean …?" with the nearest word, or nothing if there is none.
  package static func suggestion(for word: String, among known: [String], quoted: Bool = true) -> String {
    // Letter case decides between equal words, then the order, so that messages are reproducible.
    let ranked = known.enumerated().map { index, other in
      (distance(word.lowercased(), other.lowercased()), distance(word, other), index, other)
    }
    guard let best = ranked.min(by: { ($0.0, $0.1, $0.2) < ($1.0, $1.1, $1.2) })?.3 else { return "" }
    return "; did you mean \(quoted ? "\"\(best)\"" : best)?"
  }

  /// Returns the nearest of the known words, if it is near enough to be meant.
  ///
  /// - Parameters:
  ///   - word: the unknown word.
  ///   - known: the known words.
  /// - Returns: a word that differs in a third of the letters at most (or in one letter), or nil.
  package static func near(_ word: String, among known: [String]) -> String? {
    known.map { (distance(word.lowercased(), $0.lowercased()), $0) }
      .filter { $0.0 <= max(1, word.count / 3) }.min { $0 < $1 }?.1
  }

  /// Counts insertions, deletions and replacements between two words (Levenshtein distance).
  package static func distance(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left), Array(right))
    var row = Array(0...right.count)
    for (index, letter) in left.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in right.indices {
        let replaced = diagonal + (right[column] == letter ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
      }
    }
    return row[right.count]
  }
}
