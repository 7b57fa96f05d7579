/// How one model's training went, for the page; each epoch is a line of the run's `metrics.jsonl`.
package struct TrainingCurve: Equatable, Sendable {
  /// One epoch.
  package struct Epoch: Equatable, Sendable {
    /// Counted from 1.
    package let number: Int
    /// L_seg, the loss that every method has.
    package let segmentation: Double
    /// Mean Dice on the source sites' validation split; nil without one.
    package let validationDice: Double?

    /// Joins the parts.
    package init(number: Int, segmentation: Double, validationDice: Double?) {
      self.number = number
      self.segmentation = segmentation
      self.validationDice = validationDice
    }
  }

  /// The method.
  package let method: String
  /// The site that was held out.
  package let site: String
  /// The seed.
  package let seed: UInt64
  /// The epoch that validation chose; nil when none is finished.
  package let chosen: Int?
  /// The epochs, in order.
  package let epochs: [Epoch]

  /// Joins the parts.
  package init(method: String, site: String, seed: UInt64, chosen: Int?, epochs: [Epoch]) {
    self.method = method
    self.site = site
    self.seed = seed
    self.chosen = chosen
    self.epochs = epochs
  }
}
