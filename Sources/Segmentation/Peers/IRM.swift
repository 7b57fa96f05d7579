import Torch

/// Invariant risk minimisation: at every site, a scale of 1 is the best scale of the logits.
///
/// Arjovsky, Bottou, Gulrajani and Lopez-Paz, Invariant Risk Minimization, arXiv 1907.02893, in the
/// practical form IRMv1. The penalty is the squared gradient of a site's loss by a common scale of
/// the logits, mean over sites. Its weight is 1 at first and `weight` after the fraction `anneal`
/// of training (DomainBed: 100 after 500 of 5,000 steps). The gradient of cross-entropy by the
/// scale is (σ(l) − y)·l, mean over pixels, so no second backward pass is needed. Soft Dice in
/// L_seg is left out. DomainBed instead multiplies the gradients of two halves of a site's images,
/// to estimate the square without bias. Under the head's batch normalisation the halves are not
/// independent, and training drives the product below zero. DomainBed clears the optimiser's
/// moments when the weight rises; here they stay.
public final class IRM: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "irm"
  /// The description in one line.
  public static let summary = "asks that one scale of the logits is best at every site"
  /// The paper.
  public static let reference =
    "Arjovsky, Bottou, Gulrajani, Lopez-Paz: Invariant Risk Minimization. arXiv 1907.02893, 2019"

  /// The options.
  public struct Options: MethodOptions {
    /// The weight of the penalty after `anneal`.
    public var weight = 100.0
    /// The fraction of training in which the weight is 1.
    public var anneal = 0.1

    /// Makes DomainBed's options.
    public init() {}

    /// Checks both options.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("weight", weight, in: 0...Double.greatestFiniteMagnitude)
      try require("anneal", anneal, in: 0...1)
    }
  }

  private let weight: Double
  private let anneal: Double

  /// Returns the traits: the method reads no words.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits {
    .wordless.sharing(.model(reading: [.logits, .masks]))
  }

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    (weight, anneal) = (options.weight, options.anneal)
    super.init()
  }

  /// Computes the squared gradients by the scale, the term `penalty`.
  public override func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] {
    let penalty = try Self.penalty(logits: output.logits.to(.float32), masks: batch.masks, sites: batch.sites)
    return [LossTerm("penalty", penalty, weight: batch.progress < anneal ? 1 : weight)]
  }

  /// Computes the mean of the sites' squared gradients by the scale.
  ///
  /// - Parameters:
  ///   - logits: B×K×S×S.
  ///   - masks: B×K×S×S.
  ///   - sites: the site of each image.
  /// - Returns: a scalar.
  /// - Throws: `TorchError` if the shapes differ.
  static func penalty(logits: Tensor, masks: Tensor, sites: [Int]) throws -> Tensor {
    let gradients = try ((logits.sigmoid() - masks) * logits).mean([1, 2, 3])
    let squares = try Set(sites).sorted().map { try gradients.rows(of: $0, in: sites).mean().power(2) }
    return try Tensor.stacked(squares).mean()
  }
}
