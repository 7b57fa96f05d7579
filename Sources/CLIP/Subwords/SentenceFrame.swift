/// The tokens around those of a sentence, and the side of its padding.
struct SentenceFrame: Equatable, Sendable {
  /// The tokens before it.
  var start: [Int] = []
  /// The tokens after it.
  var end: [Int] = []
  /// Whether padding stands before the sentence.
  var padsLeft = false
  /// Whether a sentence that already ends with the end token keeps its own.
  var keepsOwnEnd = false

  /// Frames the tokens of a sentence; one that is too long loses its last tokens.
  ///
  /// - Parameters:
  ///   - tokens: the tokens.
  ///   - window: the most tokens with the frame.
  /// - Returns: the ids, at most `window`, unless the end alone is longer.
  func callAsFunction(_ tokens: [Int], window: Int) -> [Int] {
    let inside = (start + tokens).prefix(max(0, window - end.count))
    if keepsOwnEnd, !end.isEmpty, inside.suffix(end.count).elementsEqual(end) { return Array(inside) }
    return inside + end
  }
}

extension Tokenizer {
  /// The number of tokens before the words of a sentence: 1, or 0 for SigLIP.
  public var startCount: Int { frame.start.count }
}
