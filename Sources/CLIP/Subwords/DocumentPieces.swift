import Foundation
import Storage

/// The tokenizer of a `tokenizer.json` with a Unigram model or with byte pairs over characters.
///
/// Its normaliser, its pre-tokeniser and its frame are followed, as the library tokenizers does.
struct DocumentPieces: SubwordScheme {
  /// The model that divides a word.
  enum Model {
    case unigram(Unigram)
    case pairs(PieceMerging)
  }

  let model: Model
  let normalizer: NormalizerSteps
  let splitting: WordSplitting
  /// The tokens that are found in the text as it is, and those that are found after the normaliser.
  private let written: AddedTokenFinder
  private let normalized: AddedTokenFinder
  private let files: SubwordFiles

  init(
    _ model: Model, _ normalizer: NormalizerSteps, _ splitting: WordSplitting, added: [AddedToken],
    files: SubwordFiles
  ) {
    (self.model, self.normalizer, self.splitting, self.files) = (model, normalizer, splitting, files)
    written = AddedTokenFinder(added.filter { !$0.isNormalized }) { $0 }
    normalized = AddedTokenFinder(added.filter(\.isNormalized)) {
      String(String.UnicodeScalarView(normalizer(Array($0.unicodeScalars))))
    }
  }

  func tokens(of text: String) -> [Int] {
    written.parts(of: Array(text.unicodeScalars)[...]).flatMap { part -> [Int] in
      guard case .text(let scalars) = part else { return Self.ids(of: part) }
      let clean = normalizer(Array(scalars))
      return normalized.parts(of: clean[...]).flatMap { inner -> [Int] in
        guard case .text(let rest) = inner else { return Self.ids(of: inner) }
        let isFirst = scalars.startIndex == 0 && rest.startIndex == 0
        return splitting.words(Array(rest), isFirst: isFirst).flatMap(ids)
      }
    }
  }

  private static func ids(of part: AddedTokenFinder.Part) -> [Int] {
    if case .token(let id) = part { [id] } else { [] }
  }

  private func ids(of word: [Unicode.Scalar]) -> [Int] {
    switch model {
    case .pairs(let pairs): pairs.ids(of: word[...])
    case .unigram(let unigram): unigram.ids(of: Array(String(String.UnicodeScalarView(word)).utf8))
    }
  }

  func write(to folder: URL, window: Int) throws { try files.copy(to: folder) }
}
