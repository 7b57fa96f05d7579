import Torch

/// Invariant risk minimisation: at every site a scale of 1 is the best scale of the logits.
///
/// Arjovsky, Bottou, Gulrajani and Lopez-Paz, Invariant Risk Minimization, arXiv 1907.02893, in the practical form IRMv1:
/// the squared gradient of a site's loss by a common scale of the logits, mean over sites, times 1 at first and `weight`
/// after the share `anneal` of training (DomainBed: 100 after 500 of 5,000 steps). The gradient of cross-entropy by the scale
/// is (σ(l) − y)·l, mean over pixels, so no second backward pass is needed; soft Dice, when L_seg has it, is left out.
/// DomainBed multiplies the gradients of two halves of a site's images instead, to estimate the square without bias. Under
/// the head's batch normalisation the halves are not independent, and training drives the product below zero. DomainBed
/// forgets the optimiser's moments where the weight rises; here they stay.
final class IRM: SegmentationMethod {
  override class var name: String { "irm" }
  override class var summary: String { "asks that one scale of the logits is best at every site" }
  override class var reference: String {
    "Arjovsky, Bottou, Gulrajani, Lopez-Paz: Invariant Risk Minimization. arXiv 1907.02893, 2019"
  }
  override class var defaults: [String: Double] { ["weight": 100, "anneal": 0.1] }

  private let weight: Double
  private let anneal: Double

  required init(_ context: MethodContext) throws {
    weight = try context.option("weight", of: Self.self, in: 0...Double.greatestFiniteMagnitude)
    anneal = try context.option("anneal", of: Self.self, in: 0...1)
    try super.init(context)
  }

  override func penalty(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> Tensor? {
    let penalty = try Self.penalty(logits: output.logits.to(.float32), masks: batch.masks, sites: batch.sites)
    return try penalty * (batch.progress < anneal ? 1 : weight)
  }

  /// The mean of the sites' squared gradients by the scale.
  ///
  /// - Parameters:
  ///   - logits: B×1×S×S.
  ///   - masks: B×1×S×S.
  ///   - sites: the site of each image.
  /// - Returns: a scalar.
  /// - Throws: `TorchError` when shapes differ.
  static func penalty(logits: Tensor, masks: Tensor, sites: [Int]) throws -> Tensor {
    let gradients = try ((logits.sigmoid() - masks) * logits).mean([1, 2, 3])
    let squares = try Set(sites).sorted().map { try gradients.rows(of: $0, in: sites).mean().power(2) }
    return try Tensor.stacked(squares).mean()
  }
}
