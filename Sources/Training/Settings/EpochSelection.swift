import Metrics
import Storage

/// The score of the validation images that chooses the epoch.
///
/// The default is `markedDice`. Mean Dice counts an image as 1 if reference and prediction are both
/// empty. Where many images have no lesion, a model that marks nothing can have the highest mean,
/// and its epoch would be chosen. `markedDice` leaves such images out: an empty prediction scores 0
/// and so loses to every prediction that overlaps a lesion. A false mark still counts, because its
/// image enters the mean with 0. Every lesion counts alike, which Dice over the pooled pixels would
/// not give: there, one large lesion outweighs many small ones. Without an image that has no lesion,
/// both scores are the same number.
public enum EpochSelection: String, NamedChoice, Sendable {
  /// Mean Dice over the images on which reference or prediction marks something.
  ///
  /// See `OverlapSummary.markedDice`. It is undefined, and chooses nothing, if no validation image
  /// has a lesion.
  case markedDice = "marked-dice"
  /// Mean Dice over all images, the rule of versions before this setting.
  case dice
  /// The last epoch, whatever its score; `markedDice` is recorded.
  case last

  /// The rule in words: "highest …".
  public var rule: String {
    switch self {
    case .markedDice:
      "highest mean Dice on the source sites' validation split, over the images on which reference or "
        + "prediction marks something"
    case .dice: "highest mean Dice on the source sites' validation split"
    case .last: "last epoch, without a choice by validation"
    }
  }

  /// Returns whether an epoch replaces the best one before it.
  ///
  /// A higher score does, and an undefined one. Scores of 0 do not tell epochs apart. Then the later
  /// one counts, which was trained for longer.
  ///
  /// - Parameters:
  ///   - score: the score of the epoch.
  ///   - best: the best score before; nil if there is none.
  /// - Returns: whether its weights are stored in the place of the earlier ones.
  static func replaces(_ score: Double?, _ best: Double?) -> Bool {
    guard let score else { return true }
    return score > (best ?? -1) || (score == 0 && best == 0)
  }

  /// Computes the score of an epoch; nil if it is undefined.
  ///
  /// - Parameters:
  ///   - counts: one table for each validation image.
  ///   - batchSize: the number of images in a pass, which gives mean Dice its last bits.
  /// - Returns: the score; a higher one is better.
  func score(_ counts: [OverlapCounts], batchSize: Int) -> Double? {
    switch self {
    case .markedDice, .last: OverlapSummary(of: counts)?.markedDice
    case .dice: counts.isEmpty ? nil : OverlapCounts.meanDice(counts, batchSize: batchSize)
    }
  }

  /// Computes the score of an epoch over classes: the mean of those whose score is defined.
  ///
  /// - Parameters:
  ///   - counts: for each class, one table for each validation image.
  ///   - batchSize: the number of images in a pass.
  /// - Returns: the score; nil if that of no class is defined.
  func score(ofClasses counts: [[OverlapCounts]], batchSize: Int) -> Double? {
    let scores = counts.compactMap { score($0, batchSize: batchSize) }
    return scores.isEmpty ? nil : scores.reduce(0, +) / Double(scores.count)
  }
}
