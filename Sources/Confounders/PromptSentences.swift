import CLIP

extension PromptSet {
  /// A sentence that the text tower will read.
  public struct Sentence: Codable, Equatable, Sendable {
    /// What it is for.
    public enum Kind: String, Codable, CaseIterable, Sendable {
      case `class`, normal, confounder, joint
    }
    /// What it is for.
    public let kind: Kind
    /// The words.
    public let text: String
  }

  /// Every sentence: of K classes, the normal ones, of M confounders, of K·M pairs.
  public var sentences: [Sentence] {
    let texts: [(Sentence.Kind, [String])] = [
      (.class, classPrompts), (.normal, normal), (.confounder, confounderPrompts), (.joint, jointPrompts),
    ]
    return texts.flatMap { kind, texts in texts.map { Sentence(kind: kind, text: $0) } }
  }

  /// What is wrong with the sentences for one CLIP: those that its window would cut.
  ///
  /// - Parameters:
  ///   - tokenizer: the CLIP's.
  ///   - window: tokens with start and end, 77 for CLIP.
  /// - Returns: at most one fault for each kind of sentence, with the longest.
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
