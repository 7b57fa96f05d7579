import Foundation
import Storage

/// SigLIP's tokenizer of a `spiece.model`: canonical text, then the pieces of a Unigram model.
///
/// It agrees with Hugging Face's `SiglipTokenizer`: lower case, no punctuation, single spaces.
struct CanonicalPieces: SubwordScheme {
  private let unigram: Unigram
  private let normalizer: PieceNormalizer
  private let lowersCase: Bool
  private let finder: AddedTokenFinder
  /// The text that is encoded before every part, and the number of its tokens, which are dropped.
  private let opening: (text: String, count: Int)
  private let files: SubwordFiles

  /// A token and its text; an added token has none.
  private typealias Token = (id: Int, text: ArraySlice<UInt8>)

  /// Reads the tokenizer of a folder.
  ///
  /// - Throws: `CLIPError` or `FileError` that names the file and the setting.
  static func tokenizer(_ folder: URL) throws -> Tokenizer {
    let file = folder.appendingPathComponent(SubwordFiles.pieces)
    let settings = try SubwordSettings(folder)
    try settings.require(SubwordSettings.unigramKinds, for: file.lastPathComponent)
    if settings.padsLeft == true || settings.addsEnd == false || settings.addsStart == true {
      throw CLIPError.badSetting(
        settings.file, key: settings.padsLeft == true ? "padding_side" : "add_bos_token or add_eos_token",
        value: "another one", wanted: "SigLIP pads on the right and ends sentences with eos_token alone")
    }
    let model = try PieceModel(file)
    let unigram = try Unigram(model, file: file)
    func text(_ role: String, _ standard: String) -> String { settings.roles[role] ?? standard }
    let (end, unknown) = (text("eos_token", "</s>"), text("unk_token", "<unk>"))
    let pad = text("pad_token", end)
    var added: [AddedToken] = []
    var next = unigram.count
    for content in [end, unknown, pad] + settings.further {
      guard !content.isEmpty, !added.contains(where: { $0.content == content }) else { continue }
      let known = settings.added.first { $0.content == content }
      let own = unigram.id(of: content.utf8)
      let id = own ?? known?.id ?? next
      guard known.map({ $0.id == id }) ?? true, id < unigram.count || id >= next else {
        throw CLIPError.badSetting(
          settings.file, key: "added_tokens_decoder",
          value: "the token \"\(content)\" with the id \(known?.id ?? id)",
          wanted: "its id must be \(own ?? next), as in \(file.lastPathComponent) or after it")
      }
      next = max(next, id + 1)
      // A role as a text takes the white space at both sides.
      var token = known ?? AddedToken(content, id: id)
      if known == nil { (token.stripsLeft, token.stripsRight) = (true, true) }
      added.append(token)
    }
    added += settings.added.filter { token in !added.contains { $0.content == token.content } }
    let scheme = CanonicalPieces(
      unigram: unigram, normalizer: model.normalization(), lowersCase: settings.lowersCase ?? true,
      unknown: unknown, added: added, files: SubwordFiles(folder))
    let endId = added.first { $0.content == end }?.id ?? 0
    return Tokenizer(
      scheme, vocabulary: [:],
      ends: (endId, endId, added.first { $0.content == pad }?.id ?? endId), cleaning: .huggingFace,
      addedTokens: added, frame: SentenceFrame(end: [endId], keepsOwnEnd: true), longest: settings.longest,
      count: unigram.count)
  }

  private init(
    unigram: Unigram, normalizer: PieceNormalizer, lowersCase: Bool, unknown: String, added: [AddedToken],
    files: SubwordFiles
  ) {
    (self.unigram, self.normalizer, self.lowersCase) = (unigram, normalizer, lowersCase)
    finder = AddedTokenFinder(added) { $0 }
    opening = (unknown, Self.tokens(of: unknown, unigram, normalizer).count)
    self.files = files
  }

  func tokens(of text: String) -> [Int] {
    let space: Unicode.Scalar = "\u{2581}"
    let scalars = [space] + text.unicodeScalars.map { $0 == space ? " " : $0 }
    var tokens: [Token] = []
    for part in finder.parts(of: scalars[...]) {
      switch part {
      case .token(let id): tokens.append((id, []))
      case .text(let scalars): tokens += pieces(of: scalars)
      }
    }
    // The space before the text is not for an added token.
    if tokens.count > 1, tokens[0].text.elementsEqual(PieceNormalizer.space), tokens[1].text.isEmpty {
      tokens.removeFirst()
    }
    return tokens.map(\.id)
  }

  /// Returns the pieces of a text without added tokens.
  private func pieces(of scalars: ArraySlice<Unicode.Scalar>) -> [Token] {
    // SentencePiece would remove spaces at the start, so something stands before them.
    let tokens = Self.tokens(of: opening.text + canonical(scalars), unigram, normalizer)
    return tokens.count >= opening.count ? Array(tokens.dropFirst(opening.count)) : tokens
  }

  private static func tokens(
    of text: String, _ unigram: Unigram, _ normalizer: PieceNormalizer
  ) -> [Token] {
    let bytes = normalizer(Array(text.utf8))
    return unigram.parts(of: bytes).flatMap { part -> [Token] in
      unigram.ids(of: part, in: bytes).map { ($0, bytes[part.range]) }
    }
  }

  /// Lowers the case, removes ASCII punctuation and collapses white space.
  private func canonical(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    let lower =
      lowersCase
      ? Array(TextCleaning.lowercased(Array(scalars)).unicodeScalars) : Array(scalars)
    let plain = lower.filter { !Self.isPunctuation($0) }
    let words = plain.split(whereSeparator: TextCleaning.isPythonSpace)
    return String(String.UnicodeScalarView(words.joined(separator: [" "])))
  }

  private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
    default: false
    }
  }

  func write(to folder: URL, window: Int) throws { try files.copy(to: folder) }
}
