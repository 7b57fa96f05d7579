import Metrics

/// How well a probe predicts the labels of cases outside its fit.
public struct ProbeScore: Codable, Equatable, Sendable {
  /// The number of cases.
  public let count: Int
  /// The number of cases with a yes-or-no label; nil for a choice among classes.
  public let present: Int?
  /// The number of classes; 2 for a yes-or-no label.
  public let classes: Int
  /// The share of cases with a correct prediction.
  public let accuracy: Double
  /// The mean over classes of the share of correctly predicted cases; guessing reaches 1 / classes.
  public let balancedAccuracy: Double
  /// The chance that a case of a class scores above a case outside it, mean over the classes.
  ///
  /// Guessing reaches 0.5. Only cases of one part of the cross-validation are compared, because one
  /// fit scored them. The value is nil if no such pair exists.
  public let area: Double?
  /// The accuracy of a constant prediction of the most frequent label.
  public let chance: Double
  /// Whether every fit of the cross-validation reached its minimum.
  ///
  /// If not, a better fit could score higher.
  public let converged: Bool

  /// The balanced accuracy of a guess.
  public var balancedChance: Double { 1 / Double(classes) }

  /// Makes a score from its parts.
  public init(
    count: Int, present: Int? = nil, classes: Int, accuracy: Double, balancedAccuracy: Double, area: Double?,
    chance: Double, converged: Bool = true
  ) {
    self.count = count
    self.present = present
    self.classes = classes
    self.accuracy = accuracy
    self.balancedAccuracy = balancedAccuracy
    self.area = area
    self.chance = chance
    self.converged = converged
  }

  /// Reads a score.
  ///
  /// A score of an earlier version does not say whether it converged; it counts as converged.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      count: try values.decode(Int.self, forKey: .count),
      present: try values.decodeIfPresent(Int.self, forKey: .present),
      classes: try values.decode(Int.self, forKey: .classes),
      accuracy: try values.decode(Double.self, forKey: .accuracy),
      balancedAccuracy: try values.decode(Double.self, forKey: .balancedAccuracy),
      area: try values.decodeIfPresent(Double.self, forKey: .area),
      chance: try values.decode(Double.self, forKey: .chance),
      converged: try values.decodeIfPresent(Bool.self, forKey: .converged) ?? true)
  }

  enum CodingKeys: String, CodingKey {
    case present, classes, accuracy, chance, converged
    case count = "n"
    case balancedAccuracy = "balanced_accuracy"
    case area = "auc"
  }
}
