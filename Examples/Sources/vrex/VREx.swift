// snippet: method
import Segmentation
import Torch

/// V-REx: the mean of the sites' losses plus `weight` times their variance.
///
/// The trainer has the mean over the images already, L_seg. The term here is the variance.
public final class VREx: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "vrex"
  /// A one-line description.
  public static let summary = "asks that the loss is the same at every site"
  /// The paper.
  public static let reference =
    "Krueger et al.: Out-of-Distribution Generalization via Risk Extrapolation (REx). ICML 2021"

  /// The options.
  public struct Options: MethodOptions {
    /// The weight of the variance.
    public var weight = 10.0

    /// The defaults.
    public init() {}

    /// Checks the weight.
    public func validate() throws {
      try require("weight", weight, in: 0...Double.greatestFiniteMagnitude)
    }
  }

  private let weight: Double

  /// Makes the method.
  public init(_ options: Options, _ context: MethodContext) throws {
    weight = options.weight
    super.init()
  }

  /// The variance of the sites' losses; 0 where a batch holds one site.
  public override func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] {
    let risks = try Set(batch.sites).sorted().map { try batch.losses.rows(of: $0, in: batch.sites).mean() }
    return [LossTerm("variance", try Tensor.stacked(risks).variance([0], correction: 0), weight: weight)]
  }
}
// end
