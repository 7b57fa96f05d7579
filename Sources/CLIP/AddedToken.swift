/// A token that is found in the text before words are split, as Hugging Face's `AddedToken`.
public struct AddedToken: Equatable, Sendable {
  /// The text of the token.
  public var content: String
  /// The id of the token.
  public var id: Int
  /// Whether the token is found after the cleaning of the text, in any letter case.
  public var isNormalized = false
  /// Whether letters and numerals may not touch the token.
  public var isSingleWord = false
  /// Whether the token takes white space before it.
  public var stripsLeft = false
  /// Whether the token takes white space after it.
  public var stripsRight = false

  /// Describes a token that is found as it is written.
  ///
  /// - Parameters:
  ///   - content: the text of the token.
  ///   - id: the id of the token.
  public init(_ content: String, id: Int) { (self.content, self.id) = (content, id) }
}

/// Added tokens that are looked for in the same form of a text.
struct AddedTokenFinder: Sendable {
  /// A part of a text: a token, or the text between tokens.
  enum Part {
    case token(Int)
    case text(ArraySlice<Unicode.Scalar>)
  }

  /// The tokens by their first character, the longest first.
  private let tokens: [Unicode.Scalar: [(content: [Unicode.Scalar], token: AddedToken)]]

  /// Makes a finder.
  ///
  /// - Parameters:
  ///   - tokens: the tokens; ones without content are never found.
  ///   - form: the form of the text in which they are found.
  init(_ tokens: [AddedToken], form: (String) -> String) {
    let contents = tokens.map { (Array(form($0.content).unicodeScalars), $0) }.filter { !$0.0.isEmpty }
    self.tokens = Dictionary(grouping: contents) { $0.0[0] }.mapValues { group in
      group.sorted { $0.0.count > $1.0.count }.map { (content: $0.0, token: $0.1) }
    }
  }

  /// Splits a text at its tokens: at each place the longest one is found.
  func parts(of text: ArraySlice<Unicode.Scalar>) -> [Part] {
    guard !tokens.isEmpty else { return text.isEmpty ? [] : [.text(text)] }
    var parts: [Part] = []
    var (start, index) = (text.startIndex, text.startIndex)
    while index < text.endIndex {
      guard
        let (content, token) = tokens[text[index]]?.first(where: { text[index...].starts(with: $0.content) })
      else {
        index += 1
        continue
      }
      var (first, end) = (index, index + content.count)
      index = end
      if token.isSingleWord, touchesWord(text, first, end) { continue }
      if token.stripsLeft {
        while first > start, text[first - 1].properties.isWhitespace { first -= 1 }
      }
      if token.stripsRight {
        while end < text.endIndex, text[end].properties.isWhitespace { end += 1 }
      }
      if first > start { parts.append(.text(text[start..<first])) }
      parts.append(.token(token.id))
      (start, index) = (end, max(index, end))
    }
    if start < text.endIndex { parts.append(.text(text[start...])) }
    return parts
  }

  private func touchesWord(_ text: ArraySlice<Unicode.Scalar>, _ start: Int, _ end: Int) -> Bool {
    start > text.startIndex && isWord(text[start - 1]) || end < text.endIndex && isWord(text[end])
  }

  /// Returns whether a character belongs to a word, as `\w` of regular expressions.
  private func isWord(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.properties.isAlphabetic || scalar.properties.isJoinControl { return true }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }
}
