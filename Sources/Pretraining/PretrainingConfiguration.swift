import Storage

/// The settings of contrastive training.
package struct PretrainingConfiguration: Codable, Equatable, Sendable {
  /// The seed of all random choices.
  package var seed: UInt64 = 0
  /// The number of training steps; each uses one batch.
  package var steps = 1500
  /// The number of images per batch.
  package var batchSize = 64
  /// The number of captions that are drawn per image of a batch, from its true captions.
  package var captionsPerImage = 2
  /// The highest learning rate of AdamW.
  ///
  /// The rate rises over the first 5 % of the steps, then falls to 2 % of this value along a
  /// cosine.
  package var learningRate = 1e-3
  /// The decoupled weight decay of matrices; vectors have none.
  package var weightDecay = 0.05
  /// The weight of the loss at the best positions; 0 gives the loss of CLIP alone (ours).
  package var denseWeight = 1.0
  /// The number of positions that this loss pools.
  package var densePositions = 8
  /// The dense extractor of the positions: `tokens`, `maskclip` or `sclip`.
  package var dense = "maskclip"
  /// Whether to flip images at random.
  package var flips = true
  /// The number of last stages of an image trunk that are trained; nil trains the whole tower.
  ///
  /// 0 locks the trunk and trains its projection alone, as LiT does (Zhai et al., CVPR 2022).
  @Nullable package var tunedStages: Int?
  /// The highest learning rate of these stages.
  package var trunkLearningRate = 1e-5
  /// The share of a batch's images that are shown as do(z)x, with the words of z in their captions.
  ///
  /// The images must have scenes: sites with masks, or rendered images.
  package var interventionShare = 0.0
  /// The weight of the loss that compares class and normal words with the masks, at each position.
  package var maskWeight = 0.0
  /// The number of steps between two saved states.
  package var saveEvery = 100

  /// The defaults.
  package init() {}
}
