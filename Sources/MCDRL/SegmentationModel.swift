import Torch

/// What an image tower gives the method.
public struct EncodedImages: Sendable {
  /// C: dense features in the joint image–text space, B×h×w×d.
  public let dense: Tensor
  /// F_vis: the image-level embedding, B×d.
  public let image: Tensor
  /// Outputs of the layers that were asked for, each B×h×w×c with sizes of its own.
  public let layers: [Tensor]

  /// Groups a tower's outputs.
  public init(dense: Tensor, image: Tensor, layers: [Tensor]) {
    self.dense = dense
    self.image = image
    self.layers = layers
  }

  /// All tensors: dense features, image embedding, layers.
  public var tensors: [Tensor] { [dense, image] + layers }

  /// The same with every tensor changed.
  public func map(_ change: (Tensor) throws -> Tensor) rethrows -> EncodedImages {
    EncodedImages(dense: try change(dense), image: try change(image), layers: try layers.map(change))
  }

  /// The same on a device.
  public func to(_ device: Device) throws -> EncodedImages { try map { try $0.to(device) } }
}

/// What the method gives for a batch.
public struct SegmentationOutput: Sendable {
  /// Lesion logits, B×1×S×S.
  public let logits: Tensor
  /// F_ca, B×N×d; F itself where the intervention is off.
  public let intervened: Tensor
  /// F_vis, B×d.
  public let image: Tensor
  /// S^, B×h×w; nil where no regions are selected.
  public let score: Tensor?
}

/// What the method sees of a batch before the head, and what the intervention makes of it.
public struct Representation: Sendable {
  /// F, B×N×d.
  public let observed: Tensor
  /// F_ca, B×N×d; nil without an intervention.
  public let intervened: Tensor?
  /// How much each confounder weighs at each position, B×N×M, sums to 1 over M; nil without an intervention.
  public let attention: Tensor?

  /// The same with every tensor changed.
  public func map(_ change: (Tensor) throws -> Tensor) rethrows -> Representation {
    Representation(
      observed: try change(observed), intervened: try intervened.map(change),
      attention: try attention.map(change))
  }
}

/// The method after the image tower: region selection, intervention, head.
///
/// Method, sections 1 to 4.
public final class SegmentationModel: Module {
  @Child private var intervention: CausalIntervention?
  @Child private var head: SegmentationHead
  @Parameter private var fill: Tensor?
  /// The settings.
  public let configuration: ModelConfiguration
  /// The embedded prompts.
  public private(set) var text: TextEmbeddings
  /// The confounders with their prior; the prior can be set once it is estimated.
  public var dictionary: ConfounderDictionary
  private let selection: RegionSelection

  /// Makes a model.
  ///
  /// Each part draws its first weights from a stream of its own, so that two methods with the same seed start
  /// from the same head.
  ///
  /// - Parameters:
  ///   - configuration: the settings.
  ///   - text: the embedded prompts, of width d.
  ///   - towerWidths: channels of each of the tower's layers.
  ///   - gridStride: pixels of the image between neighbouring positions of the feature grid.
  ///   - seed: for the first weights.
  /// - Throws: `TorchError.value` for settings that are not possible.
  public init(
    _ configuration: ModelConfiguration, text: TextEmbeddings, towerWidths: [Int], gridStride: Int,
    seed: UInt64
  ) throws {
    let width = try text.classes.size(1)
    guard configuration.region.fraction > 0, configuration.region.fraction <= 1 else {
      throw TorchError.value(
        "region.fraction is \(configuration.region.fraction); it must be above 0 and at most 1")
    }
    self.configuration = configuration
    self.text = text
    dictionary = try ConfounderDictionary(embeddings: text.confounders)
    selection = RegionSelection(
      fraction: configuration.region.fraction, subtractsNormal: configuration.region.subtractsNormal)
    let settings = configuration.intervention
    _intervention = Child(
      "intervention",
      configuration.method.intervenes
        ? try CausalIntervention(
          width: width, innerWidth: settings.width == 0 ? nil : settings.width, depth: settings.depth,
          heads: settings.heads,
          adjustment: settings.adjustment, outputScale: settings.outputScale,
          generator: Generator(seed: seed, for: "intervention")) : nil)
    _head = Child(
      "head",
      try SegmentationHead(
        configuration.head, featureWidth: width, towerWidths: towerWidths, gridStride: gridStride,
        generator: Generator(seed: seed, for: "head")))
    let learns = configuration.method.selectsRegions && configuration.region.fill == .learned
    _fill = Parameter(
      "fill",
      learns ? try .randomNormal([width], generator: Generator(seed: seed, for: "fill")) * 0.02 : nil)
    super.init()
  }

  /// Moves parameters, embedded prompts and dictionary to a device.
  public override func move(to device: Device) throws {
    try super.move(to: device)
    text = try text.moved(to: device)
    dictionary = try dictionary.moved(to: device)
  }

  /// Segments a batch.
  ///
  /// - Parameters:
  ///   - images: as the tower saw them, B×3×S×S.
  ///   - encoded: the tower's outputs.
  ///   - intervening: whether the intervention is on; the progressive schedule turns it on after some epochs.
  /// - Returns: logits and what the losses need.
  /// - Throws: `TorchError` when shapes do not fit.
  public func callAsFunction(
    images: Tensor, encoded: EncodedImages, intervening: Bool = true
  ) throws -> SegmentationOutput {
    let sizes = try encoded.dense.sizes(rank: 4, "the dense features")
    let (batch, height, width, channels) = (sizes[0], sizes[1], sizes[2], sizes[3])
    let (features, values, region) = try regions(encoded.dense)
    let score = try values?.reshaped([batch, height, width])
    let selected = try region?.gather(features) ?? features
    let intervened = intervening ? try intervention?(selected, dictionary) ?? selected : selected
    let grid = try region?.scatter(intervened, into: background(features)) ?? intervened
    let logits = try head(
      image: images, grid: grid.reshaped([batch, height, width, channels]), tower: encoded.layers)
    return SegmentationOutput(logits: logits, intervened: intervened, image: encoded.image, score: score)
  }

  /// What the method sees of a batch before the head, and what the intervention makes of it.
  ///
  /// - Parameter encoded: the tower's outputs.
  /// - Returns: F, F_ca and the attention.
  /// - Throws: `TorchError` when shapes do not fit.
  public func representation(_ encoded: EncodedImages) throws -> Representation {
    let (features, _, region) = try regions(encoded.dense)
    let selected = try region?.gather(features) ?? features
    return Representation(
      observed: selected, intervened: try intervention?(selected, dictionary),
      attention: try intervention?.attention(selected, dictionary))
  }

  /// C as B×P×d, and where regions are selected S^, B×P, with the positions.
  private func regions(_ dense: Tensor) throws -> (features: Tensor, score: Tensor?, region: SelectedRegion?)
  {
    let sizes = try dense.sizes(rank: 4, "the dense features")
    // F lives on the sphere of the text embeddings, where L_causal compares the two.
    let features = try dense.reshaped([sizes[0], sizes[1] * sizes[2], sizes[3]]).normalized()
    guard configuration.method.selectsRegions else { return (features, nil, nil) }
    let score = try selection.score(features, text)
    return (features, score, SelectedRegion(positions: try selection.positions(score)))
  }

  private func background(_ features: Tensor) throws -> Tensor {
    switch configuration.region.fill {
    case .features: return features
    case .zeros: return try features.zerosLike()
    case .learned: return try fill?.to(features.dtype).expanded(to: features.shape) ?? features
    }
  }
}
