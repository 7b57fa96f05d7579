/// The course of one model's training, for the page.
///
/// Each epoch is a line of the run's `metrics.jsonl`.
package struct TrainingCurve: Equatable, Sendable {
  /// One epoch.
  package struct Epoch: Equatable, Sendable {
    /// The number, counted from 1.
    package let number: Int
    /// L_seg, the loss that every method has.
    package let segmentation: Double
    /// The mean Dice on the validation split of the source sites; nil without one.
    package let validationDice: Double?

    /// Makes an epoch from its parts.
    package init(number: Int, segmentation: Double, validationDice: Double?) {
      self.number = number
      self.segmentation = segmentation
      self.validationDice = validationDice
    }
  }

  /// The method.
  package let method: String
  /// The held-out site.
  package let site: String
  /// The seed.
  package let seed: UInt64
  /// The epoch that validation chose; nil if no epoch is finished.
  package let chosen: Int?
  /// The epochs, in order.
  package let epochs: [Epoch]

  /// Makes a curve from its parts.
  package init(method: String, site: String, seed: UInt64, chosen: Int?, epochs: [Epoch]) {
    self.method = method
    self.site = site
    self.seed = seed
    self.chosen = chosen
    self.epochs = epochs
  }
}
