import Confounders
import Torch

/// The model after the image tower: the dictionary, a method and a head.
///
/// Method, sections 1 to 4.
public final class SegmentationModel: Module {
  /// The method.
  @Child public private(set) var method: SegmentationMethod
  @Child var head: SegmentationHead?
  /// The confounders with P(z).
  @Child public private(set) var dictionary: ConfounderDictionary
  /// The settings.
  public let configuration: ModelConfiguration
  /// The embedded prompts.
  public private(set) var text: TextEmbeddings
  /// The tower layers whose outputs the model reads, counted from 1.
  public let towerLayers: [Int]

  /// Makes a model.
  ///
  /// Each part draws its initial weights from its own random stream. So two methods with the same
  /// seed start from the same head.
  ///
  /// - Parameters:
  ///   - configuration: the settings.
  ///   - text: the embedded prompts, of width d.
  ///   - textEncoder: the text tower, for methods that learn prompts.
  ///   - towerWidths: the channels of each tower layer.
  ///   - towerStrides: the distance in image pixels between neighbouring positions of each tower
  ///     layer; only a head whose skips go by level needs it.
  ///   - gridStride: the distance in image pixels between neighbouring positions of the feature
  ///     grid.
  ///   - siteCount: the number of source sites; nil if unknown.
  ///   - seed: the seed of the initial weights.
  ///   - maskCount: the number K of masks, one for each class.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(
    _ configuration: ModelConfiguration, text: TextEmbeddings, textEncoder: TextEncoder? = nil,
    towerWidths: [Int], towerStrides: [Int] = [], gridStride: Int, siteCount: Int? = nil, seed: UInt64,
    maskCount: Int = 1
  ) throws {
    let (choice, traits) = (configuration.method, configuration.method.traits)
    guard !traits.needsTextTower || textEncoder != nil else {
      throw MethodError.needsTextTower(method: choice.name)
    }
    self.configuration = configuration
    self.text = text
    let dictionary = try ConfounderDictionary(traits.dictionary, words: text.confounders, seed: seed)
    let head =
      traits.replacesHead
      ? nil
      : try SegmentationHead(
        configuration.head(depth: towerWidths.count), featureWidth: text.classes.size(1),
        towerWidths: towerWidths,
        towerStrides: towerStrides, gridStride: gridStride, generator: Generator(seed: seed, for: "head"),
        maskCount: maskCount)
    towerLayers = configuration.towerLayers(depth: towerWidths.count)
    let context = MethodContext(
      text: text, dictionary: dictionary, textEncoder: traits.needsTextTower ? textEncoder : nil,
      towerLayers: towerLayers, towerWidths: try towerLayers.map { try towerWidths.width(of: $0) },
      gridStride: gridStride, featureWidth: head?.joinedWidth, siteCount: siteCount, seed: seed,
      maskCount: maskCount)
    _method = Child("method", try choice.make(context))
    _head = Child("head", head)
    _dictionary = Child("dictionary", dictionary)
    super.init()
  }

  /// Moves parameters, embedded prompts and dictionary to a device.
  public override func move(to device: Device) throws {
    try super.move(to: device)
    text = try text.moved(to: device)
  }

  /// Segments a batch.
  ///
  /// - Parameters:
  ///   - images: normalised pixels, B×3×S×S.
  ///   - encoded: the tower's outputs.
  ///   - pass: the training step, if any, and the adjustment.
  /// - Returns: the logits and the features for the losses.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func callAsFunction(
    images: Tensor, encoded: EncodedImages, _ pass: ForwardPass = ForwardPass()
  ) throws -> SegmentationOutput {
    let encoded = try pass.training.map { try method.features(encoded, $0) } ?? encoded
    return try output(images: images, encoded: encoded, pass, head: head)
  }

  /// Segments a batch with a head, trained or compiled; nil if the method decodes.
  func output(
    images: Tensor, encoded: EncodedImages, _ pass: ForwardPass, head: (any HeadPass)?
  ) throws -> SegmentationOutput {
    let representation = try method.represent(encoded, pass)
    let decoded = try head?.decoded(
      image: images, grid: representation.grid.reshaped(encoded.dense.shape),
      tower: representation.layers ?? encoded.layers
    ) { features, level in
      try pass.training.map { try method.detail(features, level: level, $0) } ?? features
    }
    return SegmentationOutput(
      logits: try decoded?.logits ?? method.decode(images, encoded), representation: representation,
      image: encoded.image, features: decoded?.features, last: decoded?.last, layers: encoded.layers)
  }

  /// Computes S^, B×h×w, the region score of every position.
  ///
  /// A method that selects no regions has a score, too.
  ///
  /// - Parameter encoded: the tower's outputs.
  /// - Returns: the score of each position.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func regionScore(_ encoded: EncodedImages) throws -> Tensor {
    let sizes = try encoded.dense.sizes(rank: 4, "the dense features")
    let features = try encoded.dense.reshaped([sizes[0], sizes[1] * sizes[2], sizes[3]])
    let score =
      try method.regionScore(features, text)
      ?? RegionSelection(RegionConfiguration()).score(features, text)
    return try score.reshaped([sizes[0], sizes[1], sizes[2]])
  }
}
