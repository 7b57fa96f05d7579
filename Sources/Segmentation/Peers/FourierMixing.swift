import Torch

/// Mixing of the amplitudes of images' Fourier transforms; the phase, which carries shapes, stays.
///
/// Xu, Zhang, Zhang, Wang and Tian, A Fourier-based Framework for Domain Generalization (FACT),
/// CVPR 2021: (1 − λ)·A(x) + λ·A(x') over the whole spectrum, with λ uniform from 0 to `strength`.
/// The result is clamped to the range of pixels. FACT learns from every image twice, original and
/// mixed. Here, at equal budget, each image counts once and is mixed with probability 1/2. Partners
/// are from other sites; FACT draws them from all. FACT's teacher with its consistency loss is left
/// out: this is the amplitude mixing alone.
///
/// Yang and Soatto, FDA: Fourier Domain Adaptation for Semantic Segmentation, CVPR 2020, is the
/// setting `least` = 1, `band` = 0.05: the amplitudes of the lowest frequencies, up to `band` times
/// the image's side, are the partner's.
public final class FourierMixing: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "fourier"
  /// The description in one line.
  public static let summary = "mixes Fourier amplitudes between images of different sites"
  /// The paper.
  public static let reference =
    "Xu et al.: A Fourier-based Framework for Domain Generalization. CVPR 2021; Yang, Soatto: FDA. CVPR 2020"

  /// The options.
  public struct Options: MethodOptions {
    /// The largest fraction of the partner's amplitudes.
    public var strength = 1.0
    /// The smallest fraction of the partner's amplitudes.
    public var least = 0.0
    /// The highest mixed frequency as a fraction of the smaller side; 0.5 for all.
    public var band = 0.5
    /// The fraction of the images that are mixed.
    public var probability = 0.5

    /// Makes FACT's options.
    public init() {}

    /// Checks all options.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("strength", strength, in: 0...1)
      try require("least", least, in: 0...strength)
      try require("band", band, in: 0...0.5)
      try require("probability", probability, in: 0...1)
    }
  }

  /// Returns the traits: the method changes images.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits { .changingImages }

  private let strength: Double
  private let least: Double
  private let band: Double
  private let probability: Double

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    (strength, least, band) = (options.strength, options.least, options.band)
    probability = options.probability
    super.init()
  }

  /// Mixes the amplitudes of images.
  public override func images(_ images: Tensor, _ pass: TrainingPass) throws -> Tensor {
    let count = pass.sites.count
    let partners = try Partners.drawn(sites: pass.sites, generator: pass.generator).to(images.device)
    let share = try Tensor.randomUniform(
      [count, 1, 1, 1], low: least, high: strength, generator: pass.generator)
    let chosen = try Tensor.randomUniform([count, 1, 1, 1], generator: pass.generator).less(than: probability)
    let mixed = try Self.mixed(
      images, with: images.indexed(partners), share: share.to(images.device), band: band)
    return try chosen.to(images.device).choose(mixed, else: images)
  }

  /// Mixes the amplitudes of images with those of others.
  ///
  /// - Parameters:
  ///   - images: B×3×H×W, 0 to 1.
  ///   - others: the other images, of the same shape.
  ///   - share: λ, broadcast.
  ///   - band: the highest mixed frequency as a fraction of the smaller side; 0.5 for all.
  /// - Returns: B×3×H×W, 0 to 1.
  /// - Throws: `TorchError` if the shapes differ.
  static func mixed(_ images: Tensor, with others: Tensor, share: Tensor, band: Double) throws -> Tensor {
    let (height, width) = (try images.size(-2), try images.size(-1))
    let (own, phase) = try images.spectrum()
    let other = try others.spectrum().amplitude
    let highest = Int(band * Double(min(height, width)))
    let rows = (0..<height).map { min($0, height - $0) <= highest || band == 0.5 }
    let columns = (0...width / 2).map { $0 <= highest || band == 0.5 }
    let within = try Tensor(rows, shape: [height, 1]).and(Tensor(columns, shape: [1, columns.count]))
    let weight = try share * within.to(.float32).to(images.device)
    return try Tensor.from(
      amplitude: own + (other - own) * weight, phase: phase, height: height, width: width
    ).clamped(min: 0, max: 1)
  }
}
