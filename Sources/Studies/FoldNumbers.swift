/// Numbers of folds as text: `0-3,7`.
package enum FoldNumbers {
  /// Reads numbers and ranges with commas between them.
  ///
  /// - Parameters:
  ///   - text: the text.
  ///   - limit: the largest number that is read, so that a wrong range takes no memory.
  /// - Returns: the numbers in increasing order, each once; nil if the text is none of them.
  package static func numbers(in text: String, limit: Int = 999_999) -> [Int]? {
    var found = Set<Int>()
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map(number)
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
        first <= last, last <= limit
      else { return nil }
      found.formUnion(first...last)
    }
    return found.sorted()
  }

  /// Writes numbers in increasing order, with ranges.
  package static func text(_ numbers: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = ranges.last, number == last.upperBound + 1 {
        ranges[ranges.count - 1] = last.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ",")
  }

  private static func number(_ digits: Substring) -> Int? {
    digits.utf8.allSatisfy { (48...57).contains($0) } ? Int(digits) : nil
  }
}
