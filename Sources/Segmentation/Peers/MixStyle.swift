import Torch

/// MixStyle: mean and deviation of every channel over positions, the style of an image, are mixed with another image's.
///
/// Zhou, Yang, Qiao and Xiang, Domain Generalization with MixStyle, ICLR 2021: x normalised by its own statistics, given
/// λ·own + (1 − λ)·the partner's, λ from Beta(α, α), in half of the steps, statistics without gradients, in training only;
/// partners are of other sites, the paper's variant for known domains. The paper puts it behind the first blocks of the
/// network that is trained. Here these are the first two levels of the head's branch on the image; the tower, which may
/// be frozen with its features kept, is mixed at its outputs, dense features and layers alike, in one draw for all of them.
public final class MixStyle: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "mixstyle"
  /// A one-line description.
  public static let summary = "mixes feature statistics between images of different sites"
  /// The paper.
  public static let reference =
    "Zhou, Yang, Qiao, Xiang: Domain Generalization with MixStyle. ICLR 2021"

  /// The options.
  public struct Options: MethodOptions {
    /// The parameter of the Beta distribution.
    public var alpha = 0.1
    /// The share of the steps in which styles are mixed.
    public var probability = 0.5

    /// The paper's.
    public init() {}

    /// Checks both.
    public func validate() throws {
      try require("alpha", alpha, in: 0.01...100)
      try require("probability", probability, in: 0...1)
    }
  }

  private let alpha: Double
  private let probability: Double

  /// Makes the method.
  public init(_ options: Options, _ context: MethodContext) throws {
    (alpha, probability) = (options.alpha, options.probability)
    super.init()
  }

  /// Mixes the styles of the tower's outputs.
  public override func features(_ encoded: EncodedImages, _ pass: TrainingPass) throws -> EncodedImages {
    guard let style = try style(pass) else { return encoded }
    return EncodedImages(
      dense: try style.mixed(encoded.dense, positions: [1, 2]), image: encoded.image,
      layers: try encoded.layers.map { try style.mixed($0, positions: [1, 2]) })
  }

  /// Mixes the styles of the two finest levels.
  public override func detail(_ features: Tensor, level: Int, _ pass: TrainingPass) throws -> Tensor {
    guard level < 2, let style = try style(pass) else { return features }
    return try style.mixed(features, positions: [2, 3])
  }

  /// The draw of one place; nil where nothing is mixed in this step.
  private func style(_ pass: TrainingPass) throws -> Style? {
    let generator = pass.generator
    guard try Tensor.randomUniform([], generator: generator).item() < probability else { return nil }
    return Style(
      partners: try Partners.drawn(sites: pass.sites, generator: generator),
      share: try .randomBeta([pass.sites.count, 1, 1, 1], parameter: alpha, generator: generator))
  }

  /// Whose style is mixed in, and how much remains.
  struct Style {
    /// int64, B.
    let partners: Tensor
    /// λ: the share of an image's own statistics, B×1×1×1.
    let share: Tensor

    /// Features of rank 4, a row an image, with mixed statistics over the dimensions of their positions.
    func mixed(_ features: Tensor, positions: [Int]) throws -> Tensor {
      let x = try features.to(.float32)
      let (partners, share) = (try self.partners.to(x.device), try self.share.to(x.device))
      let mean = try x.mean(positions, keepDimensions: true).detached()
      let deviation = try (x.variance(positions, keepDimensions: true) + 1e-6).squareRoot().detached()
      func mix(_ own: Tensor) throws -> Tensor { try own * share + own.indexed(partners) * (1 - share) }
      return try ((x - mean) / deviation * mix(deviation) + mix(mean)).to(features.dtype)
    }
  }
}
