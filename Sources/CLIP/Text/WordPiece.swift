import Foundation
import Torch

/// A scheme other than CLIP's byte pairs by which a `Tokenizer` divides sentences into tokens.
protocol SubwordScheme: Sendable {
  /// Returns the tokens of a sentence, without start and end.
  func tokens(of text: String) -> [Int]
  /// Writes the vocabulary and its settings, which `Tokenizer.init(folder:)` reads.
  func write(to folder: URL, window: Int) throws
}

/// BERT's tokenizer: cleaned words, divided into the longest known pieces from the left.
///
/// It agrees with Hugging Face's `BertTokenizer`. Its tables of characters are those of Unicode 8,
/// as in the library tokenizers: later accents and punctuation count as letters.
struct WordPiece: SubwordScheme {
  /// The settings of the cleaning and of the pieces.
  struct Settings: Equatable {
    /// Whether the case is lowered.
    var lowersCase = true
    /// Whether accents are removed.
    var stripsAccents = true
    /// Whether every Chinese character is a word.
    var splitsChinese = true
    /// The most characters of a word; a longer one is unknown.
    var longestWord = 100
    /// The mark of pieces inside a word.
    var mark = "##"
    /// The cleaning before all others: OpenCLIP's repairs, or none.
    var cleaning = TextCleaning.huggingFace
  }

  let settings: Settings
  /// The tokens by id; nil where an id has none.
  let list: [String?]
  /// The ids of the tokens with a role, by `unk_token` and so on.
  let roles: [String: Int]
  let addedTokens: [AddedToken]
  private let unknown: Int
  // Bytes are compared, because texts are equal in Swift if Unicode regards them as equivalent.
  private let first: [ArraySlice<UInt8>: Int]
  private let inner: [ArraySlice<UInt8>: Int]
  private let finder: AddedTokenFinder
  private let cleanFinder: AddedTokenFinder

  /// Makes the scheme.
  ///
  /// - Parameters:
  ///   - list: the tokens by id.
  ///   - settings: the settings.
  ///   - roles: the texts of the tokens with a role.
  ///   - added: the further tokens that are found before words are split.
  ///   - file: the source, for messages.
  /// - Throws: `CLIPError.badFile` if the vocabulary lacks a token with a role.
  init(
    _ list: [String?], _ settings: Settings, roles: [String: String], added: [AddedToken], file: URL
  ) throws {
    var (first, inner) = ([ArraySlice<UInt8>: Int](), [ArraySlice<UInt8>: Int]())
    let mark = Array(settings.mark.utf8)
    for (id, token) in list.enumerated() {
      guard let token else { continue }
      let bytes = Array(token.utf8)
      first[bytes[...]] = id
      if bytes.starts(with: mark) { inner[bytes[mark.count...]] = id }
    }
    var found: [String: Int] = [:]
    var tokens: [AddedToken] = []
    for (role, text) in roles.sorted(by: { $0.key < $1.key }) {
      guard let id = first[Array(text.utf8)[...]] else {
        throw CLIPError.badFile(
          file, reason: "the vocabulary lacks \"\(text)\", the \(role); fetch the vocabulary again")
      }
      found[role] = id
      tokens.append(AddedToken(text, id: id))
    }
    guard let unknown = found["unk_token"] else {
      throw CLIPError.badFile(file, reason: "the vocabulary has no unk_token; fetch it again")
    }
    self.unknown = unknown
    self.settings = settings
    self.list = list
    self.roles = found
    (self.first, self.inner) = (first, inner)
    addedTokens = tokens.filter { token in !added.contains { $0.content == token.content } } + added
    finder = AddedTokenFinder(addedTokens.filter { !$0.isNormalized }) { $0 }
    cleanFinder = AddedTokenFinder(addedTokens.filter(\.isNormalized)) { Self.normalized($0, settings) }
  }

  func tokens(of text: String) -> [Int] {
    let scalars =
      settings.cleaning == .openCLIP ? TextCleaning.repaired(text) : Array(text.unicodeScalars)
    return finder.parts(of: scalars[...]).flatMap { part -> [Int] in
      guard case .text(let rest) = part else { return Self.ids(of: part) }
      let clean = Array(Self.normalized(String(String.UnicodeScalarView(rest)), settings).unicodeScalars)
      return cleanFinder.parts(of: clean[...]).flatMap { part -> [Int] in
        guard case .text(let words) = part else { return Self.ids(of: part) }
        return Self.words(words).flatMap(pieces)
      }
    }
  }

  private static func ids(of part: AddedTokenFinder.Part) -> [Int] {
    if case .token(let id) = part { [id] } else { [] }
  }

  /// Divides a word into the longest pieces from the left; one unknown piece makes it unknown.
  private func pieces(_ word: ArraySlice<Unicode.Scalar>) -> [Int] {
    guard word.count <= settings.longestWord else { return [unknown] }
    var bytes: [UInt8] = []
    // The ends of the characters in bytes.
    var ends = [0]
    for scalar in word {
      bytes += Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      ends.append(bytes.count)
    }
    var (found, start) = ([Int](), 0)
    while start < ends.count - 1 {
      let table = start == 0 ? first : inner
      var end = ends.count - 1
      while end > start, table[bytes[ends[start]..<ends[end]]] == nil { end -= 1 }
      guard end > start, let id = table[bytes[ends[start]..<ends[end]]] else { return [unknown] }
      found.append(id)
      start = end
    }
    return found
  }
}

extension WordPiece {
  /// Cleans a text as BERT does.
  static func normalized(_ text: String, _ settings: Settings) -> String {
    var clean = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if scalar == "\t" || scalar == "\n" || scalar == "\r" {
        clean.append(" ")
      } else if scalar.value == 0 || scalar.value == 0xFFFD || isControl(scalar) {
        continue
      } else if scalar.properties.isWhitespace {
        clean.append(" ")
      } else if settings.splitsChinese, isChinese(scalar) {
        clean.append(contentsOf: [" ", scalar, " "])
      } else {
        clean.append(scalar)
      }
    }
    var result = String(clean)
    if settings.stripsAccents {
      var plain = String.UnicodeScalarView()
      for scalar in result.decomposedStringWithCanonicalMapping.unicodeScalars
      where !isMark(scalar) { plain.append(scalar) }
      result = String(plain)
    }
    guard settings.lowersCase else { return result }
    var lower = ""
    for scalar in result.unicodeScalars { lower += scalar.properties.lowercaseMapping }
    return lower
  }

  /// Splits at white space, and makes every punctuation character a word.
  static func words(_ text: ArraySlice<Unicode.Scalar>) -> [ArraySlice<Unicode.Scalar>] {
    var words: [ArraySlice<Unicode.Scalar>] = []
    var start = text.startIndex
    for (index, scalar) in zip(text.indices, text) {
      let isSpace = scalar.properties.isWhitespace
      guard isSpace || isPunctuation(scalar) else { continue }
      if start < index { words.append(text[start..<index]) }
      if !isSpace { words.append(text[index...index]) }
      start = index + 1
    }
    if start < text.endIndex { words.append(text[start...]) }
    return words
  }

  /// Returns whether a character was in Unicode 8, of which the library tokenizers has tables.
  private static func isOld(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.age.map { $0.major <= 8 } ?? false
  }

  // Eight characters have another category since Unicode 8.

  private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x1734, 0x1171E: true
    case 0x1885, 0x1886, 0xA9BD, 0x111C9: false
    default: scalar.properties.generalCategory == .nonspacingMark && isOld(scalar)
    }
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .privateUse: true
    case .format: isOld(scalar)
    default: false
    }
  }

  private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
    case ..<0x80: return false
    case 0x166D, 0x111C9: return true
    default: break
    }
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      return isOld(scalar)
    default: return false
    }
  }

  /// The blocks that BERT counts as Chinese; one begins late, as in the library tokenizers.
  private static func isChinese(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x2A6DF, 0x2A700...0x2B81F,
      0x2B920...0x2CEAF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
