import Metrics

/// How well a probe predicts labels of cases that it was not fitted to.
public struct ProbeScore: Codable, Equatable, Sendable {
  /// Cases.
  public let count: Int
  /// Of a yes-or-no label, the cases of which it is true; nil for a choice among classes.
  public let present: Int?
  /// How many classes there are; 2 for a yes-or-no label.
  public let classes: Int
  /// The share of cases whose label is predicted.
  public let accuracy: Double
  /// The mean over classes of the share of their cases that is predicted: guessing reaches 1 / classes.
  public let balancedAccuracy: Double
  /// How likely a case of a class scores above one that is not, mean over the classes: guessing reaches 0.5.
  ///
  /// Only cases of one part of the cross-validation are compared, which one fit has scored; nil where none can be.
  public let area: Double?
  /// The accuracy of always saying the most frequent label.
  public let chance: Double
  /// Whether every fit of the cross-validation came to its minimum; otherwise the scores are of a probe that may read more.
  public let converged: Bool

  /// What guessing reaches of the balanced accuracy.
  public var balancedChance: Double { 1 / Double(classes) }

  /// Joins the parts.
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

  /// Reads a score; one of an earlier version does not say whether it converged, and counts as if it did.
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
