import Foundation
import Torch

/// The tokenizer of a CLIP model: text → token ids in a fixed window.
///
/// CLIP's own is a byte-level byte-pair encoding: it cleans the text, splits it by CLIP's pattern and
/// joins each word's bytes pair by pair. BERT, SigLIP and SigLIP 2 have other schemes.
public struct Tokenizer: Sendable {
  /// The first token of every sentence; where sentences have none, the end token.
  public let startToken: Int
  /// The last token of every sentence.
  public let endToken: Int
  /// The token that fills the window after the end.
  public let padToken: Int
  /// The cleaning of text.
  public let cleaning: TextCleaning
  /// The tokens that Hugging Face's tokenizer finds in the text before words are split.
  ///
  /// OpenCLIP's tokenizer has none.
  public let addedTokens: [AddedToken]
  /// The most tokens of a sentence by the folder's settings.
  let longest: Int
  /// The number of tokens: the largest id plus one.
  public let count: Int
  /// The ids of tokens, which CLIP's own vocabulary writes in byte symbols; empty for SigLIP.
  public let vocabulary: [String: Int]
  /// Pairs of tokens, the first joined first; empty for the other schemes.
  public let merges: [(String, String)]
  /// The scheme that divides sentences; nil for CLIP's byte pairs.
  let scheme: (any SubwordScheme)?
  /// The tokens around a sentence.
  let frame: SentenceFrame

  /// The ids of the 256 bytes inside a word, and at the end of a word.
  private let inner: [Int]
  private let final: [Int]
  private let joins: [Pair: Merge]
  /// The tokens that are found in the text as it is, and those that are found after the cleaning.
  private let written: AddedTokenFinder
  private let cleaned: AddedTokenFinder

  struct Pair: Hashable {
    let left: Int
    let right: Int
  }

  private struct Merge {
    let rank: Int
    let token: Int
  }

  /// Makes a tokenizer from a vocabulary and merges in order of rank.
  ///
  /// - Parameters:
  ///   - vocabulary: the ids of tokens, which are written in CLIP's byte symbols.
  ///   - merges: pairs of tokens, the first joined first.
  ///   - file: the source of both, for messages.
  ///   - cleaning: the cleaning of text.
  ///   - padToken: the padding token; nil for that of the cleaning's family: the end token, or 0.
  ///   - addedTokens: the tokens that are found before words are split; nil for start and end.
  /// - Throws: `CLIPError.badFile` if the vocabulary lacks a byte, a merge or a special token.
  public init(
    vocabulary: [String: Int], merges: [(String, String)], file: URL,
    cleaning: TextCleaning = .huggingFace, padToken: Int? = nil, addedTokens: [AddedToken]? = nil
  ) throws {
    try self.init(
      vocabulary: vocabulary, merges: merges, file: file, cleaning: cleaning, padToken: padToken,
      addedTokens: addedTokens, longest: .max)
  }

  init(
    vocabulary: [String: Int], merges: [(String, String)], file: URL, cleaning: TextCleaning, padToken: Int?,
    addedTokens: [AddedToken]?, longest: Int
  ) throws {
    func id(_ token: String, _ what: String) throws -> Int {
      guard let id = vocabulary[token], id >= 0 else {
        throw CLIPError.badFile(
          file, reason: "the vocabulary lacks the \(what) \"\(token)\"; fetch vocabulary and merges again")
      }
      return id
    }
    startToken = try id(Self.startText, "token")
    endToken = try id(Self.endText, "token")
    inner = try Self.symbols.map { try id($0, "byte") }
    final = try Self.symbols.map { try id($0 + "</w>", "byte") }
    var table: [Pair: Merge] = [:]
    for (rank, merge) in merges.enumerated() {
      let pair = Pair(left: try id(merge.0, "token"), right: try id(merge.1, "token"))
      if table[pair] == nil { table[pair] = Merge(rank: rank, token: try id(merge.0 + merge.1, "merge")) }
    }
    joins = table
    scheme = nil
    frame = SentenceFrame(start: [startToken], end: [endToken])
    self.vocabulary = vocabulary
    self.merges = merges
    self.cleaning = cleaning
    self.padToken = padToken ?? (cleaning == .openCLIP ? 0 : endToken)
    let added =
      addedTokens ?? [AddedToken(Self.startText, id: startToken), AddedToken(Self.endText, id: endToken)]
    self.addedTokens = added
    self.longest = longest
    written = AddedTokenFinder(added.filter { !$0.isNormalized }) { $0 }
    cleaned = AddedTokenFinder(added.filter(\.isNormalized)) { cleaning($0) }
    let largest = max(vocabulary.values.max() ?? -1, added.map(\.id).max() ?? -1)
    guard largest < 1 << 32 else {
      throw CLIPError.badFile(
        file, reason: "the id \(largest) is too large; fetch vocabulary and merges again")
    }
    count = largest + 1
  }

  /// Makes a tokenizer of another scheme.
  ///
  /// - Parameters:
  ///   - scheme: the scheme.
  ///   - vocabulary: the ids of the tokens.
  ///   - ends: the start token, the end token and the padding token.
  ///   - cleaning: the cleaning of text that the scheme applies.
  ///   - addedTokens: the tokens that the scheme finds before words are split.
  ///   - frame: the tokens around a sentence; nil for start and end.
  ///   - longest: the most tokens of a sentence by the folder's settings.
  ///   - count: the number of tokens; nil for that of the vocabulary.
  init(
    _ scheme: any SubwordScheme, vocabulary: [String: Int], ends: (start: Int, end: Int, pad: Int),
    cleaning: TextCleaning, addedTokens: [AddedToken], frame: SentenceFrame? = nil, longest: Int = .max,
    count: Int? = nil
  ) {
    self.scheme = scheme
    self.frame = frame ?? SentenceFrame(start: [ends.start], end: [ends.end])
    self.vocabulary = vocabulary
    (startToken, endToken, padToken) = ends
    self.cleaning = cleaning
    self.addedTokens = addedTokens
    (merges, self.longest, inner, final, joins) = ([], longest, [], [], [:])
    (written, cleaned) = (AddedTokenFinder([]) { $0 }, AddedTokenFinder([]) { $0 })
    let largest = max(vocabulary.values.max() ?? -1, addedTokens.map(\.id).max() ?? -1)
    self.count = max(count ?? 0, largest + 1)
  }

  /// The texts of the start token and of the end token.
  static let (startText, endText) = ("<|startoftext|>", "<|endoftext|>")

  /// Encodes a sentence as at most `window` tokens, with start and end.
  ///
  /// A sentence that is cut still has its end token.
  ///
  /// - Parameters:
  ///   - text: the sentence.
  ///   - window: the most tokens.
  /// - Returns: the ids.
  public func encode(_ text: String, window: Int = 77) -> [Int] {
    let inside = scheme?.tokens(of: text) ?? words(text).flatMap(tokens(of:))
    return frame(inside, window: window)
  }

  /// Encodes sentences as one tensor: int64 n×window, padded.
  ///
  /// - Parameters:
  ///   - texts: the sentences.
  ///   - window: the number of tokens of each row.
  /// - Returns: the ids.
  /// - Throws: `TorchError` with libtorch's message.
  public func callAsFunction(_ texts: [String], window: Int = 77) throws -> Tensor {
    let rows = texts.flatMap { text -> [Int] in
      let tokens = encode(text, window: window)
      let padding = Array(repeating: padToken, count: max(0, window - tokens.count))
      return frame.padsLeft ? padding + tokens : tokens + padding
    }
    return try Tensor(rows, shape: [texts.count, window])
  }

  private typealias Word = AddedTokenFinder.Part

  /// Returns the words of a text; written-out special tokens become themselves.
  private func words(_ text: String) -> [Word] {
    switch cleaning {
    case .openCLIP:
      let specials = [("<start_of_text>", startToken), ("<end_of_text>", endToken)]
      return split(Array(cleaning(text).unicodeScalars), specials.map { (Array($0.unicodeScalars), $1) })
    case .huggingFace:
      // In words, the texts of start and end are ordinary words, spelt from bytes.
      let specials: [([Unicode.Scalar], Int?)] = [Self.startText, Self.endText].map {
        (Array($0.unicodeScalars), nil)
      }
      return written.parts(of: Array(text.unicodeScalars)[...]).flatMap { part -> [Word] in
        guard case .text(let scalars) = part else { return [part] }
        let clean = Array(cleaning(String(String.UnicodeScalarView(scalars))).unicodeScalars)
        return cleaned.parts(of: clean[...]).flatMap { part -> [Word] in
          guard case .text(let scalars) = part else { return [part] }
          return split(Array(scalars), specials)
        }
      }
    }
  }

  /// Splits by CLIP's pattern: contractions, runs of letters, single numerals, other runs.
  ///
  /// - Parameters:
  ///   - scalars: the cleaned text.
  ///   - specials: texts that are words in any position, with their tokens; nil for ordinary words.
  /// - Returns: the words, in order.
  private func split(_ scalars: [Unicode.Scalar], _ specials: [([Unicode.Scalar], Int?)]) -> [Word] {
    var words: [Word] = []
    var rest = scalars[...]
    func take(_ length: Int) {
      words.append(.text(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    while let first = rest.first {
      if let special = specials.first(where: { rest.starts(with: $0.0) }) {
        words += special.1.map { [.token($0)] } ?? split(special.0, [])
        rest = rest.dropFirst(special.0.count)
      } else if first == "'", let ending = contraction(rest.dropFirst()) {
        take(1 + ending)
      } else {
        let kind = Kind(first)
        switch kind {
        case .space: rest = rest.dropFirst()
        case .numeral: take(1)
        case .letter, .other: take(rest.prefix { Kind($0) == kind }.count)
        }
      }
    }
    return words
  }

  /// Returns the number of letters of a contraction at the start: 's, 't, 're, 've, 'm, 'll or 'd.
  ///
  /// It is nil if there is none.
  private func contraction(_ rest: ArraySlice<Unicode.Scalar>) -> Int? {
    guard let first = rest.first else { return nil }
    switch first {
    case "s", "t", "m", "d": return 1
    // OpenCLIP's pattern ignores case, and the long s is a case variant of s.
    case "\u{17F}" where cleaning == .openCLIP: return 1
    default: break
    }
    switch (first, rest.dropFirst().first) {
    case ("r", "e"), ("v", "e"), ("l", "l"): return 2
    default: return nil
    }
  }

  private enum Kind {
    case letter, numeral, space, other

    init(_ scalar: Unicode.Scalar) {
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
      case .decimalNumber, .letterNumber, .otherNumber: self = .numeral
      default: self = scalar.properties.isWhitespace ? .space : .other
      }
    }
  }

  /// Returns the words of a text as single-byte tokens before any join, without special tokens.
  func spelledWords(_ text: String) -> [[Int]] {
    words(text).compactMap { if case .text(let scalars) = $0 { spelled(scalars) } else { nil } }
  }

  /// Spells a word in bytes; the last byte is a word end.
  private func spelled(_ scalars: ArraySlice<Unicode.Scalar>) -> [Int] {
    let bytes = scalars.flatMap { Array(UTF8.encode($0) ?? UTF8.encodedReplacementCharacter) }
    guard let last = bytes.last else { return [] }
    return bytes.dropLast().map { inner[Int($0)] } + [final[Int(last)]]
  }

  private func tokens(of word: Word) -> [Int] {
    switch word {
    case .token(let id): return [id]
    case .text(let scalars):
      var parts = spelled(scalars)
      while let best = lowestMerge(parts) { parts = best.pair.joined(in: parts, as: best.token) }
      return parts
    }
  }

  private func lowestMerge(_ parts: [Int]) -> (pair: Pair, token: Int)? {
    var best: (rank: Int, pair: Pair, token: Int)?
    for (left, right) in zip(parts, parts.dropFirst()) {
      let pair = Pair(left: left, right: right)
      if let merge = joins[pair], merge.rank < best?.rank ?? .max { best = (merge.rank, pair, merge.token) }
    }
    return best.map { ($0.pair, $0.token) }
  }

  /// The printable bytes, then the others: the order of CLIP's vocabulary.
  private static let byteOrder: [Int] = {
    let printable = Array(33...126) + Array(161...172) + Array(174...255)
    return printable + (0...255).filter { !printable.contains($0) }
  }()

  /// The printable character for each byte, in the order of CLIP's vocabulary.
  static let orderedSymbols: [String] = byteOrder.enumerated().compactMap { index, byte in
    Unicode.Scalar(index < 188 ? byte : 256 + index - 188).map { String($0) }
  }

  /// The printable character for each byte, by byte.
  private static let symbols: [String] = zip(byteOrder, orderedSymbols).sorted { $0.0 < $1.0 }.map(\.1)
}
