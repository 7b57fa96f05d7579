import Confounders
import Torch

/// What an image tower gives the method.
package struct EncodedImages: Sendable {
  /// C: dense features in the joint image–text space, B×h×w×d.
  package let dense: Tensor
  /// F_vis: the image-level embedding, B×d.
  package let image: Tensor
  /// Outputs of the layers that were asked for, each B×h×w×c with sizes of its own.
  package let layers: [Tensor]

  /// Groups a tower's outputs.
  package init(dense: Tensor, image: Tensor, layers: [Tensor]) {
    self.dense = dense
    self.image = image
    self.layers = layers
  }

  /// All tensors: dense features, image embedding, layers.
  package var tensors: [Tensor] { [dense, image] + layers }

  /// The same with every tensor changed.
  package func map(_ change: (Tensor) throws -> Tensor) rethrows -> EncodedImages {
    EncodedImages(dense: try change(dense), image: try change(image), layers: try layers.map(change))
  }

  /// The same on a device.
  package func to(_ device: Device) throws -> EncodedImages { try map { try $0.to(device) } }
}

/// What the method gives for a batch.
package struct SegmentationOutput: Sendable {
  /// Lesion logits, B×1×S×S.
  package let logits: Tensor
  /// What it saw before the head.
  package let representation: Representation
  /// F_vis, B×d.
  package let image: Tensor
  /// The head's features where tower and image have met, B×c×h×w; nil where a method replaces the head.
  package let features: Tensor?

  /// F_ca, B×N×d; F itself where the intervention is off.
  package var intervened: Tensor { representation.intervened ?? representation.observed }
}

/// What the method sees of a batch before the head, and what the intervention makes of it.
package struct Representation: Sendable {
  /// C, each position normalised, B×P×d: all positions before the intervention.
  package let features: Tensor
  /// F, the selected positions, B×N×d.
  package let observed: Tensor
  /// F_ca, B×N×d; nil without an intervention.
  package let intervened: Tensor?
  /// How much each confounder weighs at each position, B×N×M, sums to 1 over M; nil without an intervention.
  package let attention: Tensor?
  /// All positions after the intervention, as the head sees them, B×P×d.
  package let grid: Tensor
  /// S^, B×P; nil where no regions are selected.
  package let score: Tensor?

  /// The same with every tensor changed.
  package func map(_ change: (Tensor) throws -> Tensor) rethrows -> Representation {
    Representation(
      features: try change(features), observed: try change(observed), intervened: try intervened.map(change),
      attention: try attention.map(change), grid: try change(grid), score: try score.map(change))
  }
}

/// The method after the image tower: region selection, intervention, head.
///
/// Method, sections 1 to 4.
package final class SegmentationModel: Module {
  @Child private var intervention: CausalIntervention?
  @Child var head: SegmentationHead?
  @Parameter private var fill: Tensor?
  @Parameter private var constant: Tensor?
  /// What plugs in; nil for the paper's four methods.
  @Child package var plugin: SegmentationMethod?
  /// The settings.
  package let configuration: ModelConfiguration
  /// The embedded prompts.
  package private(set) var text: TextEmbeddings
  /// The confounders with their prior; the prior can be set once it is estimated.
  package var dictionary: ConfounderDictionary
  private let selection: RegionSelection
  /// The tower's layers whose outputs it wants, counted from 1.
  package let towerLayers: [Int]

  /// How the sum over confounders is carried out; nil without an intervention, and then setting it changes nothing.
  package var adjustment: Adjustment? {
    get { intervention?.adjustment }
    set { if let newValue { intervention?.adjustment = newValue } }
  }

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
  ///   - siteCount: how many source sites there are; 0 where that is not known.
  ///   - seed: for the first weights.
  /// - Throws: `TorchError.value` for settings that are not possible.
  package init(
    _ configuration: ModelConfiguration, text: TextEmbeddings, towerWidths: [Int], gridStride: Int,
    siteCount: Int = 0, seed: UInt64
  ) throws {
    let width = try text.classes.size(1)
    self.configuration = configuration
    self.text = text
    let settings = configuration.intervention
    dictionary = try ConfounderDictionary(embeddings: settings.dictionary.embeddings(text.confounders, seed))
    selection = try RegionSelection(configuration.region)
    _intervention = Child(
      "intervention",
      configuration.method.intervenes
        ? try CausalIntervention(
          width: width, innerWidth: settings.width == 0 ? nil : settings.width, depth: settings.depth,
          heads: settings.heads,
          adjustment: settings.adjustment, outputScale: settings.outputScale,
          evidence: settings.dictionary == .constant ? 0 : settings.evidence,
          generator: Generator(seed: seed, for: "intervention")) : nil)
    let head =
      configuration.method.plugin?.replacesHead == true
      ? nil
      : try SegmentationHead(
        configuration.head, featureWidth: width, towerWidths: towerWidths, gridStride: gridStride,
        generator: Generator(seed: seed, for: "head"))
    _head = Child("head", head)
    let learns = configuration.method.selectsRegions && configuration.region.fill == .learned
    _fill = Parameter(
      "fill",
      learns ? try .randomNormal([width], generator: Generator(seed: seed, for: "fill")) * 0.02 : nil)
    let isConstant = configuration.method.intervenes && settings.dictionary == .constant
    _constant = Parameter("constant", isConstant ? try text.confounders.mean([0], keepDimensions: true) : nil)
    towerLayers = configuration.towerLayers(depth: towerWidths.count)
    let context = MethodContext(
      text: text, towerLayers: towerLayers,
      towerWidths: try towerLayers.map { try towerWidths.width(of: $0) },
      gridStride: gridStride, featureWidth: head?.joinedWidth ?? 0, siteCount: siteCount,
      configuration: configuration, seed: seed)
    _plugin = Child("method", try configuration.method.plugin.map { try $0.init(context) })
    super.init()
  }

  /// Moves parameters, embedded prompts and dictionary to a device.
  package override func move(to device: Device) throws {
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
  ///   - training: what a method's hooks of training are given; nil leaves them out.
  /// - Returns: logits and what the losses need.
  /// - Throws: `TorchError` when shapes do not fit.
  package func callAsFunction(
    images: Tensor, encoded: EncodedImages, intervening: Bool = true, training: TrainingPass? = nil
  ) throws -> SegmentationOutput {
    let encoded = try training.flatMap { try plugin?.features(encoded, $0) } ?? encoded
    return try output(images: images, encoded: encoded, intervening: intervening, head: head) {
      features, level in
      try training.flatMap { try plugin?.detail(features, level: level, $0) } ?? features
    }
  }

  /// Segments a batch with a head, trained or compiled; `change` is applied to each level of its branch on
  /// the image.
  func output(
    images: Tensor, encoded: EncodedImages, intervening: Bool, head: (any HeadPass)?,
    change: (_ features: Tensor, _ level: Int) throws -> Tensor
  ) throws -> SegmentationOutput {
    let found = try representation(encoded, intervening: intervening)
    let decoded = try head?.decoded(
      image: images, grid: found.grid.reshaped(encoded.dense.shape), tower: encoded.layers, change: change)
    guard let logits = try decoded?.logits ?? plugin?.decode(images, encoded) else {
      throw TorchError.value("the model has neither a head nor a method that decodes")
    }
    return SegmentationOutput(
      logits: logits, representation: found, image: encoded.image, features: decoded?.features)
  }

  /// What the method sees of a batch before the head, and what the intervention makes of it.
  ///
  /// - Parameters:
  ///   - encoded: the tower's outputs.
  ///   - intervening: whether the intervention is on.
  /// - Returns: F, F_ca, the attention, and the grid before and after.
  /// - Throws: `TorchError` when shapes do not fit.
  package func representation(
    _ encoded: EncodedImages, intervening: Bool = true
  ) throws -> Representation {
    let sizes = try encoded.dense.sizes(rank: 4, "the dense features")
    // F lives on the sphere of the text embeddings, where L_causal compares the two.
    let features = try encoded.dense.reshaped([sizes[0], sizes[1] * sizes[2], sizes[3]]).normalized()
    let score = configuration.method.selectsRegions ? try selection.score(features, text) : nil
    let region = try score.map { try selection.region($0, training: isTraining) }
    let taken = try region?.gather(features) ?? features
    let intervened = intervening ? try intervene(taken, image: encoded.image) : nil
    let changed = intervened?.features ?? taken
    // A soft selection intervenes on all positions; the losses are about the selected ones alone.
    func selected(_ values: Tensor) throws -> Tensor { try region?.selected(values) ?? values }
    let grid = try region?.scatter(changed, into: background(features)) ?? changed
    return Representation(
      features: features, observed: try selected(taken),
      intervened: try intervened.map { try selected($0.features) },
      // Over a single entry there is nothing to attend to.
      attention: constant == nil ? try intervened.map { try selected($0.attention) } : nil,
      grid: try plugin?.grid(grid, encoded) ?? grid, score: score)
  }

  private func intervene(_ features: Tensor, image: Tensor) throws -> Intervened? {
    guard let intervention else { return nil }
    let entries = try constant.map { try ConfounderDictionary(embeddings: $0) } ?? dictionary
    return try intervention(features, entries, image: image)
  }

  /// S^, B×h×w: the score that regions are selected by, also for a method that selects none.
  ///
  /// - Parameter encoded: the tower's outputs.
  /// - Returns: the score of every position.
  /// - Throws: `TorchError` when shapes do not fit.
  package func regionScore(_ encoded: EncodedImages) throws -> Tensor {
    let sizes = try encoded.dense.sizes(rank: 4, "the dense features")
    let features = try encoded.dense.reshaped([sizes[0], sizes[1] * sizes[2], sizes[3]])
    return try selection.score(features, text).reshaped([sizes[0], sizes[1], sizes[2]])
  }

  private func background(_ features: Tensor) throws -> Tensor {
    switch configuration.region.fill {
    case .features: return features
    case .zeros: return try features.zerosLike()
    case .learned: return try fill?.to(features.dtype).expanded(to: features.shape) ?? features
    }
  }
}
