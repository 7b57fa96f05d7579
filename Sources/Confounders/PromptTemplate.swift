extension PromptSet {
  /// A sentence with placeholders, or several sentences with the same meaning.
  ///
  /// In a prompt file it is a text or a list of texts. The embedding of several sentences is the
  /// normalised mean of theirs, as CLIP averages its prompts for zero-shot classification (Radford
  /// et al., 2021, section 3.1.4).
  public struct Template: Codable, Equatable, Sendable, ExpressibleByStringLiteral {
    /// The sentences, at least one.
    public var sentences: [String]

    /// Makes a template of one sentence.
    public init(stringLiteral sentence: String) { sentences = [sentence] }

    /// Reads a text or a list of texts.
    public init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let sentence = try? container.decode(String.self) {
        sentences = [sentence]
      } else {
        sentences = try container.decode([String].self)
      }
    }

    /// Writes one sentence as a text, so that prompt sets without lists keep their fingerprint.
    public func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      if sentences.count == 1 {
        try container.encode(sentences[0])
      } else {
        try container.encode(sentences)
      }
    }
  }
}
