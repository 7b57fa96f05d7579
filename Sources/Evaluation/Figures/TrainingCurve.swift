/// How one model's training went, for the page; each epoch is a line of the run's `metrics.jsonl`.
public struct TrainingCurve: Equatable, Sendable {
  /// One epoch.
  public struct Epoch: Equatable, Sendable {
    /// Counted from 1.
    public let number: Int
    /// L_seg, the loss that every method has.
    public let segmentation: Double
    /// Mean Dice on the source sites' validation split; nil without one.
    public let validationDice: Double?

    /// Joins the parts.
    public init(number: Int, segmentation: Double, validationDice: Double?) {
      self.number = number
      self.segmentation = segmentation
      self.validationDice = validationDice
    }
  }

  /// The method.
  public let method: String
  /// The site that was held out.
  public let site: String
  /// The seed.
  public let seed: UInt64
  /// The epoch that validation chose; nil when none is finished.
  public let chosen: Int?
  /// The epochs, in order.
  public let epochs: [Epoch]

  /// Joins the parts.
  public init(method: String, site: String, seed: UInt64, chosen: Int?, epochs: [Epoch]) {
    self.method = method
    self.site = site
    self.seed = seed
    self.chosen = chosen
    self.epochs = epochs
  }
}
