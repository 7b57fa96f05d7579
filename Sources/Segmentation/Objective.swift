import Torch

/// The settings of L_seg.
public struct ObjectiveWeights: Codable, Equatable, Sendable {
  /// The weight of soft Dice in L_seg, added to cross-entropy; the paper's is 0 (ours).
  public var dice: Double = 1

  /// Makes the weights of cross-entropy plus soft Dice.
  public init() {}
}

/// The losses, each a pure function of tensors.
public enum Objective {
  /// Computes L_seg of each image: pixel cross-entropy plus `dice` times soft Dice loss.
  ///
  /// With several classes it is the mean of the classes' losses, each class against all other
  /// pixels. So a small class counts as much as a large one.
  ///
  /// - Parameters:
  ///   - logits: B×K×S×S, a class each.
  ///   - masks: B×K×S×S, 0 to 1.
  ///   - dice: the weight of the soft Dice loss. Its smoothing of 1 pixel gives empty masks a loss.
  /// - Returns: B.
  /// - Throws: `TorchError` if the shapes differ.
  public static func segmentation(logits: Tensor, masks: Tensor, dice: Double) throws -> Tensor {
    let count = logits.rank == 4 ? try logits.size(1) : 1
    guard count > 1 else { return try ofOneClass(logits: logits, masks: masks, dice: dice) }
    func alone(_ planes: Tensor) throws -> Tensor {
      try planes.reshaped([planes.size(0) * planes.size(1), 1, planes.size(2), planes.size(3)])
    }
    let each = try ofOneClass(logits: alone(logits), masks: alone(masks), dice: dice)
    return try each.reshaped([logits.size(0), count]).mean([1])
  }

  private static func ofOneClass(logits: Tensor, masks: Tensor, dice: Double) throws -> Tensor {
    let crossEntropy = try logits.binaryCrossEntropies(targets: masks).mean([1, 2, 3])
    guard dice > 0 else { return crossEntropy }
    let probability = try logits.sigmoid()
    let overlap = try (probability * masks).sum([1, 2, 3])
    let total = try probability.sum([1, 2, 3]) + masks.sum([1, 2, 3])
    return try crossEntropy + (1 - (overlap * 2 + 1) / (total + 1)) * dice
  }

  /// Computes L_causal = ‖mean-pool(F_ca) − (1/M) Σ_m t_km‖², mean over the images with a lesion.
  ///
  /// - Parameters:
  ///   - intervened: F_ca, B×N×d.
  ///   - joint: t, K×M×d.
  ///   - classes: the lesion class of each image; nil without a lesion or if unknown.
  /// - Returns: a scalar; nil if no image has a class.
  /// - Throws: `TorchError` if the shapes do not fit.
  public static func causal(intervened: Tensor, joint: Tensor, classes: [Int?]) throws -> Tensor? {
    guard let (rows, labels) = try labelled(classes, intervened.device) else { return nil }
    let pooled = try intervened.mean([1]).indexed(rows)
    let targets = try joint.mean([1]).indexed(labels)
    return try (pooled - targets).power(2).sum([-1]).mean()
  }

  /// Computes L_contrast: cross-entropy over cos(F_vis, e_k) / tau, mean over images with a lesion.
  ///
  /// - Parameters:
  ///   - images: F_vis, B×d.
  ///   - classEmbeddings: e, K×d.
  ///   - classes: the lesion class of each image; nil without a lesion or if unknown.
  ///   - temperature: tau.
  /// - Returns: a scalar; nil if no image has a class.
  /// - Throws: `TorchError` if the shapes do not fit.
  public static func contrast(
    images: Tensor, classEmbeddings: Tensor, classes: [Int?], temperature: Double
  ) throws -> Tensor? {
    guard let (rows, labels) = try labelled(classes, images.device) else { return nil }
    let cosines = try images.indexed(rows).normalized().matmul(classEmbeddings.normalized().transposed())
    return try (cosines / temperature).crossEntropy(classes: labels)
  }

  /// Computes the distance of the head's grids of do(z)x and x (ours).
  ///
  /// It is 1 − cosine, mean over positions.
  ///
  /// Training uses the whole grid: F_ca at the selected positions and the fill at the others, which
  /// is C by default. No gradient flows into x's side, so the intervened image moves towards the
  /// observed one. This alone does not prevent collapse, because both sides have the same weights.
  /// A grid that is the same for all images has no distance. An offset that all features share
  /// raises every cosine. L_seg keeps the features apart, on x and on do(z)x.
  ///
  /// - Parameters:
  ///   - observed: the head's grid of x, B×P×d.
  ///   - intervened: the head's grid of do(z)x, B×P×d.
  ///   - moved: bool, B. Pairs whose positions do not correspond are left out.
  /// - Returns: a scalar; nil if all pairs moved.
  /// - Throws: `TorchError` if the shapes differ.
  public static func invariance(observed: Tensor, intervened: Tensor, moved: Tensor) throws -> Tensor? {
    let rows = try moved.floats().enumerated().filter { $1 == 0 }.map(\.offset)
    guard !rows.isEmpty else { return nil }
    let index = try Tensor(rows).to(observed.device)
    let target = try observed.detached().indexed(index).normalized()
    return try (1 - (target * intervened.indexed(index).normalized()).sum([-1])).mean()
  }

  /// Computes the cross-entropy of the attention with the applied z, mean over positions (ours).
  ///
  /// - Parameters:
  ///   - attention: the attention of do(z)x, B×N×M, sums to 1 over M.
  ///   - applied: the strength of each z, B×M, 0 where it was not set.
  /// - Returns: a scalar.
  /// - Throws: `TorchError` if the shapes differ.
  public static func attention(_ attention: Tensor, applied: Tensor) throws -> Tensor {
    let target = try applied / applied.sum([1], keepDimensions: true).clamped(min: 1e-6)
    let weights = try attention.mean([1]).clamped(min: 1e-6)
    return try -(target * weights.log()).sum([1]).mean()
  }

  private static func labelled(
    _ classes: [Int?], _ device: Device
  ) throws -> (rows: Tensor, labels: Tensor)? {
    let pairs = classes.enumerated().compactMap { row, label in label.map { (row, $0) } }
    guard !pairs.isEmpty else { return nil }
    return (try Tensor(pairs.map(\.0)).to(device), try Tensor(pairs.map(\.1)).to(device))
  }
}
