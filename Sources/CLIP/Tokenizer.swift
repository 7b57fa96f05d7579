import Foundation
import Torch

/// CLIP's byte-level byte-pair encoding: text → token ids in a fixed window.
///
/// Cleaning is that of Hugging Face's tokenizer: NFC, white space collapsed, lower case.
public struct Tokenizer: Sendable {
  private let vocabulary: [String: Int]
  private let ranks: [Pair: Int]
  /// The first token of every sentence.
  public let startToken: Int
  /// The last token of every sentence.
  public let endToken: Int
  /// What fills the window after the end.
  public let padToken: Int

  private struct Pair: Hashable {
    let left: String
    let right: String
  }

  /// Makes a tokenizer from a vocabulary and merges in order of rank.
  ///
  /// - Throws: `CLIPError.badFile` when the vocabulary lacks a byte or a special token.
  public init(vocabulary: [String: Int], merges: [(String, String)], file: URL, padToken: Int? = nil) throws {
    guard let start = vocabulary["<|startoftext|>"], let end = vocabulary["<|endoftext|>"] else {
      throw CLIPError.badFile(file, reason: "the vocabulary lacks <|startoftext|> or <|endoftext|>")
    }
    for symbol in Self.symbols where vocabulary[symbol] == nil || vocabulary[symbol + "</w>"] == nil {
      throw CLIPError.badFile(file, reason: "the vocabulary lacks the byte \"\(symbol)\"")
    }
    for (left, right) in merges where vocabulary[left + right] == nil {
      throw CLIPError.badFile(file, reason: "the vocabulary lacks the merge \"\(left)\(right)\"")
    }
    self.vocabulary = vocabulary
    ranks = Dictionary(
      merges.enumerated().map { (Pair(left: $1.0, right: $1.1), $0) }, uniquingKeysWith: { first, _ in first }
    )
    startToken = start
    endToken = end
    self.padToken = padToken ?? end
  }

  /// A vocabulary of the 256 bytes without merges, for models that have none of their own.
  public static func bytes() throws -> Tokenizer {
    let tokens = symbols + symbols.map { $0 + "</w>" } + ["<|startoftext|>", "<|endoftext|>"]
    let vocabulary = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { ($1, $0) })
    return try Tokenizer(vocabulary: vocabulary, merges: [], file: URL(fileURLWithPath: "bytes"))
  }

  /// The number of tokens.
  public var count: Int { (vocabulary.values.max() ?? -1) + 1 }

  /// Reads `vocab.json` and `merges.txt`, or `tokenizer.json`, from a CLIP folder.
  ///
  /// - Throws: `CLIPError` that names the file.
  public init(folder: URL) throws {
    let vocabularyFile = folder.appendingPathComponent("vocab.json")
    let mergesFile = folder.appendingPathComponent("merges.txt")
    let whole = folder.appendingPathComponent("tokenizer.json")
    if let data = try? Data(contentsOf: vocabularyFile) {
      guard let vocabulary = try? JSONDecoder().decode([String: Int].self, from: data) else {
        throw CLIPError.badFile(vocabularyFile, reason: "it must hold one JSON object of tokens and ids")
      }
      guard let text = try? String(contentsOf: mergesFile, encoding: .utf8) else {
        throw CLIPError.missingFile(mergesFile)
      }
      let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#version") }
      try self.init(
        vocabulary: vocabulary, merges: try Self.pairs(lines.map(String.init), mergesFile), file: mergesFile)
    } else if let data = try? Data(contentsOf: whole) {
      guard let file = try? JSONDecoder().decode(WholeFile.self, from: data) else {
        throw CLIPError.badFile(whole, reason: "it must hold model.vocab and model.merges")
      }
      let merges = try file.model.merges.map { merge in
        if case .string(let line) = merge { return try Self.pairs([line], whole)[0] }
        if case .array(let parts) = merge, parts.count == 2, case .string(let left) = parts[0],
          case .string(let right) = parts[1]
        {
          return (left, right)
        }
        throw CLIPError.badFile(whole, reason: "a merge is not a pair of tokens")
      }
      try self.init(vocabulary: file.model.vocab, merges: merges, file: whole)
    } else {
      throw CLIPError.missingFile(vocabularyFile)
    }
  }

  private struct WholeFile: Decodable {
    struct Model: Decodable {
      let vocab: [String: Int]
      let merges: [JSONValue]
    }
    let model: Model
  }

  private static func pairs(_ lines: [String], _ file: URL) throws -> [(String, String)] {
    try lines.map { line in
      let parts = line.split(separator: " ")
      guard parts.count == 2 else {
        throw CLIPError.badFile(
          file, reason: "the merge \"\(line)\" is not two tokens with a space between them")
      }
      return (String(parts[0]), String(parts[1]))
    }
  }

  /// The tokens of a sentence, with start and end, at most `window`; the end is kept when it is cut.
  ///
  /// Special tokens that stand in the text, written just so, are themselves.
  public func encode(_ text: String, window: Int = 77) -> [Int] {
    var tokens = [startToken]
    var rest = Substring(text)
    while let special = Self.firstSpecial(rest) {
      tokens +=
        ordinary(rest[..<special.lowerBound]) + [rest[special] == "<|endoftext|>" ? endToken : startToken]
      rest = rest[special.upperBound...]
    }
    tokens += ordinary(rest) + [endToken]
    return tokens.count <= window ? tokens : Array(tokens.prefix(window - 1)) + [endToken]
  }

  private static func firstSpecial(_ text: Substring) -> Range<String.Index>? {
    ["<|startoftext|>", "<|endoftext|>"].compactMap { text.range(of: $0) }.min {
      $0.lowerBound < $1.lowerBound
    }
  }

  private func ordinary(_ text: Substring) -> [Int] {
    words(Self.cleaned(String(text))).flatMap(tokens(of:))
  }

  /// Sentences as one tensor: int64 n×window, padded.
  public func callAsFunction(_ texts: [String], window: Int = 77) throws -> Tensor {
    let rows = texts.flatMap { text -> [Int] in
      let tokens = encode(text, window: window)
      return tokens + Array(repeating: padToken, count: window - tokens.count)
    }
    return try Tensor(rows, shape: [texts.count, window])
  }

  private static func cleaned(_ text: String) -> String {
    let parts = text.precomposedStringWithCanonicalMapping.unicodeScalars
      .split { $0.properties.isWhitespace }.map { String($0) }
    return parts.joined(separator: " ").lowercased()
  }

  /// Splits at CLIP's pattern: contractions, runs of letters, single numerals, runs of anything else.
  private func words(_ text: String) -> [String] {
    let scalars = Array(text.unicodeScalars)
    var words: [String] = []
    var start = 0
    func string(_ range: Range<Int>) -> String {
      var view = String.UnicodeScalarView()
      view.append(contentsOf: scalars[range])
      return String(view)
    }
    while start < scalars.count {
      let rest = scalars[start..<min(scalars.count, start + 16)]
      if let special = Self.fixed.first(where: { rest.starts(with: $0.unicodeScalars) }) {
        // A special token in capitals is only text: CLIP's pattern takes it out, the byte-level one cuts it in three.
        words += special.hasPrefix("<|") ? ["<|", String(special.dropFirst(2).dropLast(2)), "|>"] : [special]
        start += special.unicodeScalars.count
        continue
      }
      var end = start + 1
      switch Kind(scalars[start]) {
      case .space:
        start = end
        continue
      case .numeral: break
      case .letter: while end < scalars.count, Kind(scalars[end]) == .letter { end += 1 }
      case .other: while end < scalars.count, Kind(scalars[end]) == .other { end += 1 }
      }
      words.append(string(start..<end))
      start = end
    }
    return words
  }

  private static let fixed = [
    "<|startoftext|>", "<|endoftext|>", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d",
  ]

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

  private func tokens(of word: String) -> [Int] {
    var parts = word.utf8.map { Self.symbols(ofByte: $0) }
    guard !parts.isEmpty else { return [] }
    parts[parts.count - 1] += "</w>"
    while parts.count > 1 {
      let candidates = parts.indices.dropLast().compactMap { index -> (rank: Int, index: Int)? in
        ranks[Pair(left: parts[index], right: parts[index + 1])].map { ($0, index) }
      }
      guard let best = candidates.min(by: { $0.rank < $1.rank }) else { break }
      let (left, right) = (parts[best.index], parts[best.index + 1])
      var merged: [String] = []
      var index = 0
      while index < parts.count {
        if index + 1 < parts.count, parts[index] == left, parts[index + 1] == right {
          merged.append(left + right)
          index += 2
        } else {
          merged.append(parts[index])
          index += 1
        }
      }
      parts = merged
    }
    return parts.compactMap { vocabulary[$0] }
  }

  /// The printable character that stands for each byte, in the order of CLIP's vocabulary.
  private static let symbols: [String] = {
    let printable = Array(33...126) + Array(161...172) + Array(174...255)
    let others = (0...255).filter { !printable.contains($0) }
    return (printable + others.indices.map { 256 + $0 }).compactMap { Unicode.Scalar($0).map { String($0) } }
  }()

  private static let symbolOfByte: [String] = {
    let printable = Array(33...126) + Array(161...172) + Array(174...255)
    let order = printable + (0...255).filter { !printable.contains($0) }
    var table = Array(repeating: "", count: 256)
    for (byte, symbol) in zip(order, symbols) { table[byte] = symbol }
    return table
  }()

  private static func symbols(ofByte byte: UInt8) -> String { symbolOfByte[Int(byte)] }
}
