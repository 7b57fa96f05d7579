import Foundation

/// The words of the classes, for methods that learn prompts.
public struct ClassWords: Codable, Equatable, Sendable {
  /// The kind of images, such as "endoscopy".
  public let modality: String
  /// The names of the lesion classes, K.
  public let classes: [String]
  /// The sentences for an image without a lesion.
  public let normal: [String]

  /// Makes the words from their parts.
  ///
  /// - Parameters:
  ///   - modality: the kind of images.
  ///   - classes: the names of the lesion classes.
  ///   - normal: the sentences for an image without a lesion.
  public init(modality: String, classes: [String], normal: [String]) {
    self.modality = modality
    self.classes = classes
    self.normal = normal
  }

  /// Takes the words of a prompt set.
  ///
  /// - Parameter prompts: the prompt set.
  public init(_ prompts: PromptSet) {
    self.init(modality: prompts.modality, classes: prompts.classes, normal: prompts.normal)
  }

  /// Reads the words that a weights file keeps; nil if the text is damaged or no prompt file has it.
  ///
  /// The limits are those of a prompt file, so that a foreign file cannot ask for much memory.
  ///
  /// - Parameter json: the text of `json`.
  package init?(json: String) {
    // JSON writes a character in up to six.
    guard json.utf8.count <= 6 * PromptCheck.mostBytes,
      let words = try? JSONDecoder().decode(ClassWords.self, from: Data(json.utf8)),
      [words.classes, words.normal].allSatisfy({ (1...PromptCheck.mostSentences).contains($0.count) }),
      ([words.modality] + words.classes + words.normal).allSatisfy({ $0.count <= PromptCheck.longest })
    else { return nil }
    self = words
  }

  /// The words as one line of JSON, equal for equal words.
  ///
  /// - Throws: `EncodingError`, which texts never cause.
  package var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  /// Puts the article before a noun phrase: "a polyp", "an ulcer".
  ///
  /// - Parameter phrase: the noun phrase.
  /// - Returns: the phrase with its article.
  package static func withArticle(_ phrase: String) -> String { Article.indefinite(phrase) + " " + phrase }
}
