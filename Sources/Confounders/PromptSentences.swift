import CLIP

extension PromptSet {
  /// A sentence for the text tower.
  public struct Sentence: Codable, Equatable, Sendable {
    /// The purpose of a sentence.
    public enum Kind: String, Codable, CaseIterable, Sendable {
      /// A lesion class.
      case `class`
      /// An image without a lesion.
      case normal
      /// A confounder.
      case confounder
      /// A lesion class together with a confounder.
      case joint
    }
    /// The purpose.
    public let kind: Kind
    /// The text of the sentence.
    public let text: String
  }

  /// Every sentence: for K classes, normal images, M confounders and K·M pairs.
  public var sentences: [Sentence] {
    let texts: [(Sentence.Kind, [String])] = [
      (.class, classPrompts), (.normal, normal), (.confounder, confounderPrompts), (.joint, jointPrompts),
    ]
    return texts.flatMap { kind, texts in texts.map { Sentence(kind: kind, text: $0) } }
  }

  /// Returns the sentences of a phrase that is no entry, by the template of confounders.
  package func sentences(phrase: String) -> [String] {
    prompts(confounder: Confounder(name: phrase, text: phrase))
  }

  /// Reports the sentences that exceed the window of one CLIP.
  ///
  /// - Parameters:
  ///   - tokenizer: the CLIP's.
  ///   - window: tokens with start and end, 77 for CLIP.
  /// - Returns: at most one error per kind of sentence, with the longest.
  public func faults(tokenizer: Tokenizer, window: Int) -> [PromptFault] {
    let lengths = sentences.map { ($0, tokenizer.encode($0.text, window: .max).count) }
    return Sentence.Kind.allCases.compactMap { kind in
      let all = lengths.filter { $0.0.kind == kind }
      let long = all.filter { $0.1 > window }
      guard let worst = long.max(by: { $0.1 < $1.1 }) else { return nil }
      return PromptFault(
        place: kind == .normal ? "normal" : "templates.\(kind.rawValue)",
        reason:
          "\(long.count) of \(all.count) sentences are longer than CLIP's window of \(window) tokens, so their "
          + "ends would be lost; shorten them, the longest has \(worst.1): \"\(worst.0.text)\"")
    }
  }
}
