import Foundation
import Torch

/// Domain-adversarial training: a discriminator of sites trains the features by reversed gradients.
///
/// The discriminator learns to predict the site from the features. The reversed gradient removes
/// information about the site from them.
///
/// Ganin et al., Domain-Adversarial Training of Neural Networks, JMLR 2016. One pass trains both
/// through the reversal. Its strength rises as 2 / (1 + e^(−10 p)) − 1 with the finished fraction p
/// of training. There are as many domains as source sites. The discriminator is DomainBed's, three
/// layers of width 256. It reads the mean over positions of the head's features after the tower
/// joins the image (`SegmentationOutput.features`), because a site is a property of an image.
public final class DANN: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "dann"
  /// The description in one line.
  public static let summary = "trains the head's features against a discriminator of sites"
  /// The paper.
  public static let reference =
    "Ganin et al.: Domain-Adversarial Training of Neural Networks. JMLR 2016"

  /// The options.
  public struct Options: MethodOptions {
    /// The weight of the discriminator's loss.
    public var weight = 1.0
    /// The width of the discriminator.
    public var width = 256

    /// Makes the paper's options, with DomainBed's discriminator.
    public init() {}

    /// Checks weight and width.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("weight", weight, in: 0...Double.greatestFiniteMagnitude)
      try require("width", width, in: 1...65_536)
    }
  }

  @Child private var layers: [Linear]
  private let weight: Double

  /// Returns the traits: the method reads no words.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits {
    .wordless.sharing(.model(reading: .features))
  }

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    weight = options.weight
    let features = context.featureWidth ?? 0
    let widths = [features, options.width, options.width, try context.requiredSites(Self.name)]
    let generator = try Generator(seed: context.seed, for: "method")
    _layers = Child(
      "layers", try zip(widths, widths.dropFirst()).map { try Linear($0, $1, generator: generator) })
    super.init()
  }

  /// Computes the discriminator's loss on reversed features, the term `adversarial`.
  public override func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] {
    guard let features = try output.features?.to(.float32).mean([2, 3]) else { return [] }
    let strength = 2 / (1 + exp(-10 * batch.progress)) - 1
    var hidden = try Self.reversed(features, strength: strength)
    for (index, layer) in layers.enumerated() {
      hidden = try index == 0 ? layer(hidden) : layer(hidden.relu())
    }
    let loss = try hidden.crossEntropy(classes: Tensor(batch.sites).to(hidden.device))
    return [LossTerm("adversarial", loss, weight: weight)]
  }

  /// Returns the same values with a reversed and scaled gradient.
  static func reversed(_ x: Tensor, strength: Double) throws -> Tensor {
    try x.detached() * (1 + strength) - x * strength
  }
}
