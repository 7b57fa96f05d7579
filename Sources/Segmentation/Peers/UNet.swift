import Torch

/// A plain U-Net from random weights, without the image tower and without words.
///
/// Ronneberger, Fischer and Brox, MICCAI 2015, with residual blocks and batch normalisation. It shows
/// whether the tower is worth its cost: trainer, images, steps and evaluation are those of all methods.
public final class UNet: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "unet"
  /// The description in one line.
  public static let summary = "a plain U-Net from random weights, without tower and words"
  /// The paper.
  public static let reference =
    "Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation. MICCAI 2015"

  /// The options.
  public struct Options: MethodOptions {
    /// The channels of each level, finest first; each level has half the resolution of the one before.
    public var widths = [24, 48, 96, 192, 256]

    /// Makes the default sizes.
    public init() {}

    /// Checks the sizes.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      guard (1...8).contains(widths.count), widths.allSatisfy({ (1...4096).contains($0) }) else {
        throw MethodError.option(name: "widths", value: "\(widths)", wanted: "1 to 8 numbers from 1 to 4096")
      }
    }
  }

  /// The properties of the method: it decodes by itself and reads no tower.
  public static func traits(_ options: Options) -> MethodTraits {
    var traits = MethodTraits.wordless
    traits.replacesHead = true
    traits.ignoresTower = true
    traits.sharing = .all
    return traits
  }

  @Child private var encoders: [ConvolutionBlock]
  @Child private var decoders: [ConvolutionBlock]
  @Child private var reducers: [Conv2d]
  @Child private var classifier: Conv2d

  /// Makes the network.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method, of which it uses the seed and the number of masks.
  /// - Throws: `TorchError` for an impossible size.
  public init(_ options: Options, _ context: MethodContext) throws {
    let generator = try Generator(seed: context.seed, for: "method")
    let widths = options.widths
    _encoders = Child(
      "encoders",
      try widths.indices.map { index in
        try ConvolutionBlock(
          index == 0 ? 3 : widths[index - 1], widths[index], stride: index == 0 ? 1 : 2, isDouble: true,
          generator: generator)
      })
    _decoders = Child(
      "decoders",
      try widths.indices.dropLast().map { index in
        try ConvolutionBlock(
          2 * widths[index], widths[index], stride: 1, isDouble: true, generator: generator)
      })
    _reducers = Child(
      "reducers",
      try widths.indices.dropLast().map { index in
        try Conv2d(widths[index + 1], widths[index], kernel: 1, generator: generator)
      })
    _classifier = Child(
      "classifier", try Conv2d(widths[0], context.maskCount, kernel: 1, generator: generator))
    super.init()
    // Lesions are rare. A low initial probability saves the steps that would learn this.
    classifier.bias = try classifier.bias?.zerosLike().addInPlace(.scalar(-2))
  }

  /// Segments the images; the tower's outputs have no effect.
  public override func decode(_ images: Tensor, _ encoded: EncodedImages) throws -> Tensor {
    var levels: [Tensor] = []
    for encoder in encoders { levels.append(try encoder(levels.last ?? images.channelsLast())) }
    var features = levels[levels.count - 1]
    for index in decoders.indices.reversed() {
      let shape = levels[index].shape
      let larger = try reducers[index](features).resized(height: shape[2], width: shape[3])
      features = try decoders[index](.concatenated([larger, levels[index]], dim: 1))
    }
    return try classifier(features)
  }
}
