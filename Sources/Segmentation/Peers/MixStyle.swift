import Torch

/// MixStyle: mixes the style of an image with another image's.
///
/// The style is the mean and deviation of every channel over positions.
///
/// Zhou, Yang, Qiao and Xiang, Domain Generalization with MixStyle, ICLR 2021. x is normalised by
/// its own statistics and gets λ·own + (1 − λ)·the partner's, with λ from Beta(α, α). This happens
/// in half of the steps, in training only, and the statistics have no gradients. Partners are from
/// other sites, the paper's variant for known domains. The paper mixes after the first blocks of
/// the trained network. Here these are the first two levels of the head's image branch. The tower
/// may be frozen with cached features, so it is mixed at its outputs. One draw serves dense
/// features and layers.
public final class MixStyle: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "mixstyle"
  /// The description in one line.
  public static let summary = "mixes feature statistics between images of different sites"
  /// The paper.
  public static let reference =
    "Zhou, Yang, Qiao, Xiang: Domain Generalization with MixStyle. ICLR 2021"

  /// The options.
  public struct Options: MethodOptions {
    /// The parameter of the Beta distribution.
    public var alpha = 0.1
    /// The fraction of the steps in which styles are mixed.
    public var probability = 0.5

    /// Makes the paper's options.
    public init() {}

    /// Checks both options.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("alpha", alpha, in: 0.01...100)
      try require("probability", probability, in: 0...1)
    }
  }

  private let alpha: Double
  private let probability: Double

  /// Returns the properties of the method.
  ///
  /// - Parameter options: the options.
  /// - Returns: those of a method for any number of classes.
  public static func traits(_ options: Options) -> MethodTraits { .anyClasses }

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
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

  /// Draws the style for one layer; nil if this step mixes nothing.
  private func style(_ pass: TrainingPass) throws -> Style? {
    let generator = pass.generator
    guard try Tensor.randomUniform([], generator: generator).item() < probability else { return nil }
    return Style(
      partners: try Partners.drawn(sites: pass.sites, generator: generator),
      share: try .randomBeta([pass.sites.count, 1, 1, 1], parameter: alpha, generator: generator))
  }

  /// The partners and the fractions of a mix.
  struct Style {
    /// The partner of each image, int64, B.
    let partners: Tensor
    /// The fraction λ of an image's own statistics, B×1×1×1.
    let share: Tensor

    /// Mixes the statistics of features of rank 4 over the dimensions of their positions.
    ///
    /// The features have one row for each image.
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
