/// The nearest of the words that are known, for messages about one that is not.
package enum Spelling {
  /// "; did you mean …?" with the nearest word; nothing when there are none.
  package static func suggestion(for word: String, among known: [String], quoted: Bool = true) -> String {
    // Case decides among equals, then the order, so that messages repeat.
    let ranked = known.enumerated().map { index, other in
      (distance(word.lowercased(), other.lowercased()), distance(word, other), index, other)
    }
    guard let best = ranked.min(by: { ($0.0, $0.1, $0.2) < ($1.0, $1.1, $1.2) })?.3 else { return "" }
    return "; did you mean \(quoted ? "\"\(best)\"" : best)?"
  }

  /// The nearest of the known words, where it is near enough to be meant.
  ///
  /// - Parameters:
  ///   - word: the word that is not known.
  ///   - known: the words there are.
  /// - Returns: a word within a third of its letters; nil without one.
  package static func near(_ word: String, among known: [String]) -> String? {
    known.map { (distance(word.lowercased(), $0.lowercased()), $0) }
      .filter { $0.0 <= max(1, word.count / 3) }.min { $0 < $1 }?.1
  }

  /// Insertions, deletions and replacements from one word to the other (Levenshtein).
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
