import Confounders
import Torch

/// The paper's method: region selection, the intervention, and training on interventions.
///
/// Region selection comes with L_contrast, the intervention with L_causal.
///
/// Method, sections 1 to 5. Each control is this class with other options.
public final class MCDRL: SegmentationMethod, ConfigurableMethod {
  /// The name `mcdrl`.
  public static let name = "mcdrl"
  /// The description in one line.
  public static let summary = "region selection with L_contrast, and the intervention with L_causal"
  /// The paper.
  public static let reference =
    "Multimodal Causal-Driven Representation Learning for Generalizable Medical Image Segmentation. CVPR 2026"

  @Child private var intervention: CausalIntervention?
  @Parameter private var fill: Tensor?
  private let options: Options
  private var text: TextEmbeddings
  private let dictionary: ConfounderDictionary
  private let selection: RegionSelection

  /// Makes the method; each part draws its initial weights from its own random stream.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `MethodError.option` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    let width = try context.text.classes.size(1)
    self.options = options
    text = context.text
    dictionary = context.dictionary
    selection = try RegionSelection(options.region ?? RegionConfiguration())
    _intervention = Child(
      "intervention",
      try options.intervention.map { settings in
        try CausalIntervention(
          width: width, innerWidth: settings.width, depth: settings.depth, heads: settings.heads,
          outputScale: settings.outputScale,
          // A single entry and the exact sum have no attention that evidence could change.
          evidence: settings.dictionary == .constant || settings.adjustment == .exact ? 0 : settings.evidence,
          generator: Generator(seed: context.seed, for: "intervention"))
      })
    let learns = options.region?.fill == .learned
    _fill = Parameter(
      "fill",
      learns ? try .randomNormal([width], generator: Generator(seed: context.seed, for: "fill")) * 0.02 : nil)
    super.init()
  }

  /// The name `mcdrl`, or the name of the control whose parts are on.
  public override var label: String {
    switch (options.region != nil, options.intervention != nil) {
    case (true, true): Self.name
    case (false, true): "no-mtrs"
    case (true, false): "no-cdrl"
    case (false, false): "no-mtrs-no-cdrl"
    }
  }

  /// Returns the properties that follow from the options.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits {
    var traits = MethodTraits()
    let intervention = options.intervention
    traits.trainsOnInterventions = intervention != nil
    traits.dictionary = intervention?.dictionary ?? .words
    traits.intervenes = intervention != nil
    traits.attends = intervention.map { $0.adjustment != .exact && $0.dictionary != .constant } ?? false
    traits.adjustment = intervention?.adjustment
    traits.regionFraction = options.region?.fraction
    traits.regionScore = (options.region ?? RegionConfiguration()).score.rawValue
    traits.needsClasses = options.region != nil || intervention != nil
    traits.segmentsClasses = true
    traits.sharing = .model(reading: [.image, .intervened, .grid, .attention])
    return traits
  }

  /// Moves parameters and embedded prompts to a device; the model moves the dictionary.
  public override func move(to device: Device) throws {
    try super.move(to: device)
    text = try text.moved(to: device)
  }

  /// Computes the attention that the evidence alone gives, with log P(z) if the attention adds it.
  public override func evidence(_ cosine: Tensor) throws -> Tensor? {
    guard let scale = intervention?.evidence else { return nil }
    func here(_ tensor: Tensor) throws -> Tensor { try tensor.to(.float32).to(cosine.device) }
    let logits = try cosine * here(scale)
    guard options.intervention?.adjustment == .prior else { return try logits.softmax(dim: -1) }
    return try (logits + here(dictionary.prior).log()).softmax(dim: -1)
  }

  /// Selects regions, intervenes on their features, and scatters them into the grid.
  public override func represent(_ encoded: EncodedImages, _ pass: ForwardPass) throws -> Representation {
    let features = try encoded.positions
    let score = options.region == nil ? nil : try selection.score(features, text)
    let region = try score.map { try selection.region($0, training: isTraining) }
    let taken = try region?.gather(features) ?? features
    let intervened = isIntervening(pass) ? try intervene(taken, encoded.image, pass) : nil
    let changed = intervened?.features ?? taken
    // A soft selection intervenes on all positions, but the losses use only the selected ones.
    func selected(_ values: Tensor) throws -> Tensor { try region?.selected(values) ?? values }
    return Representation(
      features: features, observed: try selected(taken),
      intervened: try intervened.map { try selected($0.features) },
      // A single entry gives a constant attention.
      attention: dictionary.isConstant ? nil : try intervened.map { try selected($0.attention) },
      grid: try region?.scatter(changed, into: background(features)) ?? changed, score: score)
  }

  /// Computes the score that selects regions.
  public override func regionScore(_ features: Tensor, _ text: TextEmbeddings) throws -> Tensor? {
    try selection.score(features, text)
  }

  /// Computes L_causal, L_contrast and, on interventions, invariance and attention.
  public override func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] {
    let isOn = intervenes(inEpoch: batch.pass.epoch, of: batch.pass.epochs)
    var terms: [LossTerm] = []
    func add(_ name: String, _ weight: Double, _ value: () throws -> Tensor?) throws {
      if weight > 0, let value = try value() { terms.append(LossTerm(name, value, weight: weight)) }
    }
    if isOn {
      try add("causal", options.causal) {
        try Objective.causal(
          intervened: output.intervened.to(.float32), joint: text.joint, classes: batch.classes)
      }
    }
    if options.region != nil {
      try add("contrast", options.contrast) {
        try Objective.contrast(
          images: output.image.to(.float32), classEmbeddings: text.classes, classes: batch.classes,
          temperature: options.temperature)
      }
    }
    guard isOn, let pairs = batch.interventions else { return terms }
    try add("invariance", options.invariance) {
      let grid = try output.representation.grid.to(.float32)
      return try Objective.invariance(
        observed: pairs.observed(grid), intervened: pairs.intervened(grid), moved: pairs.moved)
    }
    if let attention = output.representation.attention, options.intervention?.adjustment != .exact {
      try add("attention", options.attention) {
        try Objective.attention(
          pairs.intervened(attention.to(.float32)), applied: pairs.applied.to(attention.device))
      }
    }
    return terms
  }

  /// Returns whether an epoch is after the fraction of epochs at which the intervention starts.
  public override func intervenes(inEpoch epoch: Int, of epochs: Int) -> Bool {
    options.intervention != nil && epoch >= Int((options.start * Double(epochs)).rounded())
  }

  /// Returns whether the intervention is on: in training by its schedule, in inference always.
  private func isIntervening(_ pass: ForwardPass) -> Bool {
    guard pass.intervenes else { return false }
    return pass.training.map { intervenes(inEpoch: $0.epoch, of: $0.epochs) } ?? true
  }

  private func intervene(_ features: Tensor, _ image: Tensor, _ pass: ForwardPass) throws -> Intervened? {
    guard let intervention, let settings = options.intervention else { return nil }
    return try intervention(
      features, pass.entries ?? dictionary.entries, adjustment: pass.adjustment ?? settings.adjustment,
      image: image)
  }

  private func background(_ features: Tensor) throws -> Tensor {
    switch options.region?.fill ?? .features {
    case .features: return features
    case .zeros: return try features.zerosLike()
    case .learned: return try fill?.to(features.dtype).expanded(to: features.shape) ?? features
    }
  }
}
