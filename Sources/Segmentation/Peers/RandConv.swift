import Torch

/// RandConv: filters images by a random convolution, which changes texture and keeps shapes.
///
/// Xu, Liu, Yang, Raffel and Niethammer, Robust and Generalizable Visual Representation Learning via
/// Random Convolutions, ICLR 2021, in its mixing form: α·x + (1 − α)·(w ∗ x). α is uniform from 0
/// to 1, the side of w is drawn from 1, 3, 5 and 7, and its weights from a normal distribution of
/// variance 1 / (3·k²). As in the paper there is one draw for each batch, and half of the batches
/// are filtered. Pixels are centred before and moved back after, because the paper filters
/// normalised images. The consistency of three filtered copies of an image is left out: at equal
/// budget, each image counts once.
public final class RandConv: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "randconv"
  /// The description in one line.
  public static let summary = "filters images by random convolutions"
  /// The paper.
  public static let reference =
    "Xu, Liu, Yang, Raffel, Niethammer: Robust and Generalizable Visual Representation Learning via Random "
    + "Convolutions. ICLR 2021"

  /// The options.
  public struct Options: MethodOptions {
    /// The fraction of the steps whose images are filtered.
    public var probability = 0.5
    /// The largest side of a filter, odd; sides are drawn from 1, 3, … up to it.
    public var side = 7
    /// Whether the filtered image is mixed with the image; otherwise it replaces it.
    public var mixes = true

    /// Makes the paper's options.
    public init() {}

    /// Checks all options.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("probability", probability, in: 0...1)
      guard side % 2 == 1, (1...31).contains(side) else {
        throw MethodError.option(name: "side", value: "\(side)", wanted: "odd, from 1 to 31")
      }
    }
  }

  /// Returns the traits: the method changes images.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits { .changingImages }

  private let options: Options

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    self.options = options
    super.init()
  }

  /// Filters the images of some steps.
  public override func images(_ images: Tensor, _ pass: TrainingPass) throws -> Tensor {
    let generator = pass.generator
    guard try Tensor.randomUniform([], generator: generator).item() < options.probability else {
      return images
    }
    let draw = try Tensor.randomIntegers([1], high: (options.side + 1) / 2, generator: generator)
    let side = try 2 * draw.array(of: Int.self)[0] + 1
    // The variance is that of He's initialisation for linear layers: the filter keeps the scale.
    let filter =
      try Tensor.randomNormal([3, 3, side, side], generator: generator)
      / Double(3 * side * side).squareRoot()
    let share = try Tensor.randomUniform([1, 1, 1, 1], generator: generator)
    return try Self.filtered(
      images, by: filter.to(images.device), share: options.mixes ? share.to(images.device) : nil)
  }

  /// Filters images, and mixes the results with them.
  ///
  /// - Parameters:
  ///   - images: B×3×H×W, 0 to 1.
  ///   - filter: w, 3×3×k×k.
  ///   - share: α, broadcast; nil for the filtered images alone.
  /// - Returns: B×3×H×W; pixels may leave 0 to 1.
  /// - Throws: `TorchError` if the shapes do not fit.
  static func filtered(_ images: Tensor, by filter: Tensor, share: Tensor?) throws -> Tensor {
    let pixels = try CentredPixels.centred(images)
    let filtered = try pixels.conv2d(filter, padding: filter.size(-1) / 2)
    return try CentredPixels.pixels(share.map { try filtered + (pixels - filtered) * $0 } ?? filtered)
  }
}

/// Pixels around 0 with a deviation near 1, for methods that work on normalised images.
///
/// The tower's own normalisation follows later, and a method does not know it.
enum CentredPixels {
  private static let (mean, deviation) = (0.5, 0.25)

  /// Returns (x − 0.5) / 0.25.
  static func centred(_ images: Tensor) throws -> Tensor { try (images - mean) / deviation }

  /// Returns the pixels of centred values.
  static func pixels(_ values: Tensor) throws -> Tensor { try values * deviation + mean }
}
