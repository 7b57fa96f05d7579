import Foundation

extension NSRegularExpression {
  /// The largest number of reports of progress in one search.
  ///
  /// One comes about every 10,000 steps. A search in the name of a file takes a few hundred, unless
  /// the expression is made so that they double with every letter.
  private static let patience = 100

  /// The result of a search that ends, whatever the expression.
  enum BoundedMatch {
    /// The first match.
    case found(NSTextCheckingResult)
    /// There is no match.
    case nothing
    /// The search was given up after a million steps.
    case tooLong
  }

  /// Searches for the first match in at most about a million steps.
  func boundedMatch(in text: String) -> BoundedMatch {
    var (found, reports) = (NSTextCheckingResult?.none, 0)
    enumerateMatches(
      in: text, options: .reportProgress, range: NSRange(text.startIndex..., in: text)
    ) { match, _, stop in
      found = match
      reports += 1
      if match != nil || reports > Self.patience { stop.pointee = true }
    }
    if let found { return .found(found) }
    return reports > Self.patience ? .tooLong : .nothing
  }
}
