import Confounders
import Torch

/// StyLIP: makes the tokens before the names of the classes from the style of the image.
///
/// Bose, Jha, Fini, Singha, Ricci and Banerjee, StyLIP: Multi-Scale Style-Conditioned Prompt
/// Learning for CLIP-based Domain Generalization, WACV 2024. The style of a layer of the vision
/// tower is the mean and deviation of each channel over positions. A style projector for each layer
/// makes one token from it. The frozen text tower embeds these tokens with the name of each class.
/// A content projector reads the content of all layers; its output is added to the embeddings of
/// the classes. Training contrasts the classes by their cosines with the image. Of the paper only the
/// abstract was at hand, so details of the projectors are ours.
///
/// These are the differences from the paper. Positions of the feature grid take the place of
/// images, lesion against normal that of its classes. The common head decodes the features with the
/// similarities (`SimilarityReading`). So L_seg comes on top of the paper's cross-entropy. Content
/// is read at each position, from layers without their style: normalised by its mean and deviation.
/// Layers are those of `head.towerLayers`, else at a quarter, half, three quarters and the end of
/// the depth: four tokens, as many as in CoOp's short context. Scales of layers differ, so a style
/// passes a LayerNorm before its projector. The first tokens have the size of CLIP's, and the
/// content projector's output is 0 at first.
public final class StyLIP: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "stylip"
  /// The description in one line.
  public static let summary = "makes words before the classes' names from the style of the image"
  /// The paper.
  public static let reference =
    "Bose, Jha, Fini, Singha, Ricci, Banerjee: StyLIP: Multi-Scale Style-Conditioned Prompt Learning for "
    + "CLIP-based Domain Generalization. WACV 2024"

  /// The options.
  public struct Options: MethodOptions {
    /// The divisor of the cosines; CLIP's own is 0.01.
    public var temperature = 0.01
    /// The weight of the cross-entropy of the similarities.
    public var similarity = 1.0
    /// Whether the content of the layers is added to the embeddings of the classes.
    public var content = true

    /// Makes the paper's options.
    public init() {}

    /// Checks all options.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require(
        temperature > 0 && temperature.isFinite, "temperature", "\(temperature)", "above 0 and finite")
      try require("similarity", similarity, in: 0...Double.greatestFiniteMagnitude)
    }
  }

  /// Returns the traits: the method needs the text tower and four tower layers.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits {
    var traits = MethodTraits()
    traits.needsTextTower = true
    traits.towerDepths = [0.25, 0.5, 0.75, 1]
    return traits
  }

  @Child private var styleNorms: [LayerNorm]
  @Child private var styleProjections: [Linear]
  @Child private var contentProjection: Linear?
  @Child private var reading: SimilarityReading
  private let options: Options
  private var prompts: ClassPrompts

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    let widths = context.towerWidths
    guard !widths.isEmpty else { throw MethodError.needsTowerLayers(method: Self.name) }
    guard let words = context.text.words else { throw MethodError.needsWords(method: Self.name) }
    let generator = try Generator(seed: context.seed, for: "method")
    let prompts = try ClassPrompts(
      context, length: widths.count, option: "model.head.towerLayers", method: Self.name)
    let width = try context.text.classes.size(1)
    self.options = options
    self.prompts = prompts
    _styleNorms = Child("style_norms", try widths.map { try LayerNorm(2 * $0) })
    _styleProjections = Child(
      "style_projs",
      try widths.map { channels in
        let projection = try Linear(2 * channels, prompts.width, generator: generator)
        // A normalised input gives tokens with CLIP's own deviation, 0.02.
        let deviation = 0.02 / Double(2 * channels).squareRoot()
        projection.weight = try .randomNormal(projection.weight.shape, generator: generator) * deviation
        projection.bias = try projection.bias?.zerosLike()
        return projection
      })
    let content = options.content ? try Linear(widths.reduce(0, +), width, generator: generator) : nil
    if let content {
      content.weight = try content.weight.zerosLike()
      content.bias = try content.bias?.zerosLike()
    }
    _contentProjection = Child("content_proj", content)
    _reading = Child("reading", try SimilarityReading(classes: words.classes.count + 1, width: width))
    super.init()
  }

  /// Moves parameters and prompts to a device; the system moves the text tower.
  public override func move(to device: Device) throws {
    try super.move(to: device)
    try prompts.move(to: device)
  }

  /// Adds the similarity of positions to the image's own class prompts to the head's input.
  public override func represent(_ encoded: EncodedImages, _ pass: ForwardPass) throws -> Representation {
    try reading.represent(encoded, similarities(encoded), pass)
  }

  /// Compares positions with the prompts that the styles of their image make.
  ///
  /// - Parameter encoded: the tower's outputs.
  /// - Returns: the similarities and the class embeddings of each image, B×(K+1)×d.
  /// - Throws: `TorchError` if the shapes do not fit.
  func similarities(_ encoded: EncodedImages) throws -> SeenSimilarity {
    let sizes = try encoded.dense.sizes(rank: 4, "the dense features")
    let styles = try encoded.layers.map { try LayerStyle($0) }
    let tokens = try zip(styles, zip(styleNorms, styleProjections)).map { style, layers in
      try layers.1(layers.0(style.statistics))
    }
    let classes = try prompts.embeddings(.stacked(tokens, dim: 1))
    let content = try contentProjection.map { projection in
      let layers = try zip(styles, encoded.layers).map { style, layer in
        try style.content(layer, height: sizes[1], width: sizes[2])
      }
      return try projection(.concatenated(layers, dim: 2))
    }
    return try SeenSimilarity(encoded, classes: classes, temperature: options.temperature) {
      try Self.cosines($0, classes: classes, content: content)
    }
  }

  /// Computes the cross-entropy of the similarities.
  public override func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] {
    try reading.endStep(batch, weight: options.similarity)?.terms ?? []
  }

  /// Computes the cosine of each position with t_y + c, the class's embedding plus its own content.
  ///
  /// It expands the product and the norm, so that the sums are not made for each position and
  /// class.
  ///
  /// - Parameters:
  ///   - features: C, B×P×d, each position normalised.
  ///   - classes: t, B×(K+1)×d, normalised.
  ///   - content: c, B×P×d; nil for none.
  /// - Returns: B×P×(K+1).
  /// - Throws: `TorchError` if the shapes do not fit.
  static func cosines(_ features: Tensor, classes: Tensor, content: Tensor?) throws -> Tensor {
    let transposed = try classes.transposed()
    let plain = try features.matmul(transposed)
    guard let content = try content?.to(.float32) else { return plain }
    let product = try plain + (features * content).sum([2], keepDimensions: true)
    let square =
      try content.matmul(transposed) * 2 + 1 + content.power(2).sum([2], keepDimensions: true)
    return try product / square.clamped(min: 1e-6).squareRoot()
  }
}

/// Mean and deviation of each channel of a tower layer over its positions.
struct LayerStyle {
  /// μ, B×1×1×c.
  private let mean: Tensor
  /// σ, B×1×1×c.
  private let deviation: Tensor

  /// Measures a layer, B×h×w×c.
  init(_ layer: Tensor) throws {
    let x = try layer.to(.float32)
    mean = try x.mean([1, 2], keepDimensions: true)
    // A layer may have a single position, so the divisor is n.
    deviation = try (x.variance([1, 2], correction: 0, keepDimensions: true) + 1e-6).squareRoot()
  }

  /// μ and σ after each other, B×2c.
  var statistics: Tensor {
    get throws { try Tensor.concatenated([mean, deviation], dim: 3).flattened(from: 1) }
  }

  /// Removes the style from the layer, and resizes it to the grid.
  ///
  /// - Parameters:
  ///   - layer: B×h×w×c.
  ///   - height: the rows of the grid.
  ///   - width: the columns of the grid.
  /// - Returns: B×P×c.
  /// - Throws: `TorchError` if the shapes do not fit.
  func content(_ layer: Tensor, height: Int, width: Int) throws -> Tensor {
    let plain = try (layer.to(.float32) - mean) / deviation
    guard try plain.size(1) != height || plain.size(2) != width else {
      return try plain.flattened(from: 1, to: 2)
    }
    return try plain.permuted([0, 3, 1, 2]).resized(height: height, width: width, antialias: true)
      .flattened(from: 2).transposed()
  }
}
