/// The settings of contrastive training.
package struct PretrainingConfiguration: Codable, Equatable, Sendable {
  /// The seed of everything.
  package var seed: UInt64 = 0
  /// Batches to train on.
  package var steps = 1500
  /// Pictures a batch.
  package var batchSize = 64
  /// Captions drawn for each picture of a batch, of those that are true of it.
  package var captionsPerImage = 2
  /// Highest rate of AdamW, after a rise over 5 % of the steps; falls to 2 % of it along a cosine.
  package var learningRate = 1e-3
  /// Decoupled weight decay of matrices; vectors have none.
  package var weightDecay = 0.05
  /// Weight of the loss at the best positions, 0 for CLIP's own loss alone (ours).
  package var denseWeight = 1.0
  /// How many positions that loss pools.
  package var densePositions = 8
  /// How the positions are read: `tokens`, `maskclip` or `sclip`.
  package var dense = "maskclip"
  /// Whether pictures are mirrored at random.
  package var flips = true
  /// Steps between two saved states.
  package var saveEvery = 100

  /// The defaults.
  package init() {}
}
