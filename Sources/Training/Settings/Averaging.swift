/// The weights of a run: those of the last step, or a mean over the training.
///
/// Validation, the stored weights and inference are those of the mean. Settings hold it as a
/// number, the decay of the moving average (0 for none), or as `swad`.
public enum Averaging: Equatable, Sendable {
  /// The weights of the last step of the chosen epoch.
  case none
  /// The exponential moving average.
  ///
  /// The decay of step t is at most (1 + t)/(10 + t), so that the average forgets the initial
  /// weights.
  case exponential(decay: Double)
  /// The mean over all steps of the epochs in a flat valley of the validation score.
  ///
  /// If there is none, it is the mean over the steps of the last epoch.
  ///
  /// Source: SWAD (Cha et al., NeurIPS 2021). `ScoreValley` has the rule.
  case swad

  private static let swadWord = "swad"
}

extension Averaging: Codable {
  /// Decodes a number or a word.
  ///
  /// - Parameter decoder: the decoder.
  /// - Throws: `DecodingError` for another word.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let word = try? container.decode(String.self) {
      guard word == Self.swadWord else {
        throw DecodingError.dataCorrupted(
          .init(
            codingPath: decoder.codingPath,
            debugDescription: "\"\(word)\" is neither swad nor a number from 0 to below 1"))
      }
      self = .swad
    } else {
      let decay = try container.decode(Double.self)
      self = decay == 0 ? .none : .exponential(decay: decay)
    }
  }

  /// Encodes a number or a word.
  ///
  /// - Parameter encoder: the encoder.
  /// - Throws: `EncodingError`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .none: try container.encode(0.0)
    case .exponential(let decay): try container.encode(decay)
    case .swad: try container.encode(Self.swadWord)
    }
  }
}

extension Averaging: ExpressibleByFloatLiteral {
  /// Makes the moving average of a decay; 0 for none.
  public init(floatLiteral decay: Double) { self = decay == 0 ? .none : .exponential(decay: decay) }
}

extension RunConfiguration {
  /// The rule that chooses the stored weights, in words: "highest …" or "mean of …".
  package var weightsRule: String {
    switch averaging {
    case .none, .exponential: selection.rule
    case .swad:
      "mean of the weights over the epochs in a flat valley of the validation score, or over the last epoch if "
        + "there is none (SWAD)"
    }
  }
}
