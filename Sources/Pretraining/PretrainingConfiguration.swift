/// The settings of contrastive training.
public struct PretrainingConfiguration: Codable, Equatable, Sendable {
  /// The seed of everything.
  public var seed: UInt64 = 0
  /// Batches to train on.
  public var steps = 1500
  /// Pictures a batch.
  public var batchSize = 64
  /// Captions drawn for each picture of a batch, of those that are true of it.
  public var captionsPerImage = 2
  /// Highest rate of AdamW, after a rise over 5 % of the steps; falls to 2 % of it along a cosine.
  public var learningRate = 1e-3
  /// Decoupled weight decay of matrices; vectors have none.
  public var weightDecay = 0.05
  /// Weight of the loss at the best positions, 0 for CLIP's own loss alone (ours).
  public var denseWeight = 1.0
  /// How many positions that loss pools.
  public var densePositions = 8
  /// How the positions are read: `tokens`, `maskclip` or `sclip`.
  public var dense = "maskclip"
  /// Whether pictures are mirrored at random.
  public var flips = true
  /// Steps between two saved states.
  public var saveEvery = 100

  /// The defaults.
  public init() {}
}
