import Torch

/// Drops either the tower's features or the image's own at random, so that the head relies on both.
///
/// After DropGen (arXiv 2604.02564): stable features of a frozen tower stand beside features of the
/// image, and training drops either for some images. Here the tower's part is its grid and layers,
/// the image's part the head's image branch. An image loses at most one of them. Kept features are
/// not scaled, because inference keeps both. The term of a frozen tower is meant, `tune` none.
public final class FeatureDrop: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "dropgen"
  /// The description in one line.
  public static let summary = "drops the tower's features or the image branch at random"
  /// The paper.
  public static let reference = "DropGen. arXiv 2604.02564, 2026"

  /// The options.
  public struct Options: MethodOptions {
    /// The share of the images that lose the tower's features.
    public var tower = 0.25
    /// The share of the images that lose the image branch.
    public var image = 0.25

    /// Makes the default shares (ours).
    public init() {}

    /// Checks both options.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("tower", tower, in: 0...1)
      try require("image", image, in: 0...1 - tower)
    }
  }

  private let options: Options
  /// Whether each image of the step keeps its image branch, B×1×1×1; nil before the first step.
  private var keepsImage: Tensor?

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
    self.options = options
    super.init()
  }

  /// Draws what each image loses, and drops the tower's features of some.
  public override func features(_ encoded: EncodedImages, _ pass: TrainingPass) throws -> EncodedImages {
    let draw = try Tensor.randomUniform([pass.sites.count, 1, 1, 1], generator: pass.generator)
      .to(encoded.dense.device)
    let keepsTower = try draw.atLeast(options.tower).to(encoded.dense.dtype)
    keepsImage = try draw.less(than: 1 - options.image).to(.float32)
    return EncodedImages(
      dense: try encoded.dense * keepsTower, image: encoded.image,
      layers: try encoded.layers.map { try $0 * keepsTower.to($0.dtype) })
  }

  /// Drops the image branch of the images that were drawn for it.
  public override func detail(_ features: Tensor, level: Int, _ pass: TrainingPass) throws -> Tensor {
    guard let keepsImage else { return features }
    return try features * keepsImage.to(features.dtype)
  }
}
