import Foundation
import Torch

/// MIRO: keeps the features of a tuned tower informative of those of the pretrained one.
///
/// Cha, Lee, Park and Chun, Domain Generalization by Mutual-Information Regularization with
/// Pre-trained Models, ECCV 2022. For each layer a Gaussian predicts the pretrained features from the
/// tuned ones. Its mean encoder is the identity and its variance one learned number a channel. The
/// term is the mean of log σ² + (z₀ − z)²/σ² over positions and channels, summed over the layers. The
/// layers are those that the head reads, or the last one. Only a tuned tower has something to keep.
public final class MIRO: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "miro"
  /// The description in one line.
  public static let summary = "keeps the tuned tower's features near those it began with"
  /// The paper.
  public static let reference =
    "Cha, Lee, Park, Chun: Domain Generalization by Mutual-Information Regularization with Pre-trained Models. "
    + "ECCV 2022"

  /// The options.
  public struct Options: MethodOptions {
    /// The weight of the term.
    public var weight = 0.1

    /// Makes the paper's middle weight.
    public init() {}

    /// Checks the option.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws { try require("weight", weight, in: 0...Double.greatestFiniteMagnitude) }
  }

  /// The properties of the method: it compares with the tower as it began.
  public static func traits(_ options: Options) -> MethodTraits {
    var traits = MethodTraits.wordless
    traits.needsPretrained = true
    traits.sharing = .model(reading: .layers)
    traits.towerDepths = [1]
    return traits
  }

  /// The variances before softplus: one number a channel, the layers after each other.
  @Parameter private var variances: Tensor
  private let widths: [Int]
  private let weight: Double

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method, of which it uses the widths of the layers.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    weight = options.weight
    // The first variance is 0.1, as in the paper.
    let start = log(exp(0.1) - 1)
    widths = context.towerWidths
    _variances = Parameter("variances", try .full([widths.reduce(0, +)], start))
    super.init()
  }

  /// Computes the distance to the pretrained features, the term `distance`.
  public override func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] {
    guard let pretrained = batch.pretrained else { return [] }
    // softplus(x) = −log σ(−x)
    let variance = try -(-variances).logSigmoid() + 1e-6
    var start = 0
    let terms = try zip(widths, zip(output.layers, pretrained.layers)).map { width, layers in
      defer { start += width }
      return try Self.distance(
        tuned: layers.0, pretrained: layers.1,
        variance: variance.narrowed(dim: 0, start: start, length: width))
    }
    guard let first = terms.first else { return [] }
    return [LossTerm("distance", try terms.dropFirst().reduce(first) { try $0 + $1 }, weight: weight)]
  }

  /// Computes the negative log-likelihood of the pretrained features, without its constant.
  ///
  /// - Parameters:
  ///   - tuned: z, B×h×w×c.
  ///   - pretrained: z₀, B×h×w×c.
  ///   - variance: σ², c.
  /// - Returns: the mean over positions and channels, a scalar.
  /// - Throws: `TorchError` if the shapes differ.
  static func distance(tuned: Tensor, pretrained: Tensor, variance: Tensor) throws -> Tensor {
    let gap = try (tuned.to(.float32) - pretrained.to(.float32).detached()).power(2)
    return try (variance.log() + gap / variance).mean()
  }
}
