import Confounders
import Torch

/// BiomedCoOp: learns a context before the names of the classes, held near an ensemble of prompts.
///
/// Koleilat, Asgariandehkordi, Rivaz and Xiao, BiomedCoOp: Learning to Prompt for Biomedical
/// Vision-Language Models, CVPR 2025. SCCM is the mean squared difference between the embeddings of
/// the learned prompts and those of the ensemble's mean. KDSP drops prompts of the ensemble whose
/// score is far from the median, by the median absolute deviation. It is KL(teacher ‖ student). The
/// teacher predicts with the mean of the prompts that stay. The text tower is frozen.
///
/// These are the differences from the paper. Positions of the feature grid take the place of
/// images, lesion against normal that of its classes. The common head decodes the features with the
/// similarities (`SimilarityReading`). So L_seg comes on top of the paper's cross-entropy. The
/// ensemble has 25 sentences for each class, by templates in the place of 50 by a language model. A
/// tower that is tuned gives the teacher's features, too. The authors' code standardises the scores
/// by the median once more by mean and deviation, which cancels the median; here the median's rule
/// decides.
public final class BiomedCoOp: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "biomedcoop"
  /// The description in one line.
  public static let summary = "learns words before the classes' names, near an ensemble of prompts"
  /// The paper.
  public static let reference =
    "Koleilat, Asgariandehkordi, Rivaz, Xiao: BiomedCoOp: Learning to Prompt for Biomedical Vision-Language "
    + "Models. CVPR 2025"

  /// The options.
  public struct Options: MethodOptions {
    /// The number of learned tokens before a name.
    public var tokens = 4
    /// The divisor of the cosines; CLIP's own is 0.01.
    public var temperature = 0.01
    /// The weight of the cross-entropy of the similarities.
    public var similarity = 1.0
    /// The weight of SCCM.
    public var consistency = 0.75
    /// The weight of KDSP.
    public var distillation = 0.75
    /// The largest distance of a prompt's score from the median, in median absolute deviations.
    public var outlier = 1.5

    /// Makes the options that the authors use for endoscopy (Kvasir).
    public init() {}

    /// Checks all options.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("tokens", tokens, in: 1...64)
      try require(
        temperature > 0 && temperature.isFinite, "temperature", "\(temperature)", "above 0 and finite")
      for (name, value) in [
        ("similarity", similarity), ("consistency", consistency), ("distillation", distillation),
        ("outlier", outlier),
      ] { try require(name, value, in: 0...Double.greatestFiniteMagnitude) }
    }
  }

  /// Returns the traits: the method needs the text tower.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits {
    var traits = MethodTraits()
    traits.needsTextTower = true
    return traits
  }

  /// The learned context, M×w.
  @Parameter private(set) var context: Tensor
  @Child private var reading: SimilarityReading
  /// The embeddings of the ensemble, n×(K+1)×d; zeros before the first training step.
  @Buffer private(set) var ensemble: Tensor
  private let options: Options
  private let encoder: TextEncoder
  private let words: ClassWords
  private var prompts: ClassPrompts
  private let memory = PromptMemory()

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    guard let encoder = context.textEncoder else { throw MethodError.needsTextTower(method: Self.name) }
    guard let words = context.text.words else { throw MethodError.needsWords(method: Self.name) }
    let prompts = try ClassPrompts(
      context, length: options.tokens, option: "model.options.tokens", method: Self.name)
    let (classes, width) = (words.classes.count + 1, try context.text.classes.size(1))
    self.options = options
    self.encoder = encoder
    self.prompts = prompts
    self.words = words
    _context = Parameter("context", try prompts.firstContext(Generator(seed: context.seed, for: "method")))
    _reading = Child("reading", try SimilarityReading(classes: classes, width: width))
    // The text tower embeds hundreds of sentences only when training begins.
    _ensemble = Buffer("ensemble", try .zeros([PromptEnsemble.count, classes, width]))
    super.init()
  }

  /// Moves parameters, buffers and prompts to a device; the system moves the text tower.
  public override func move(to device: Device) throws {
    try super.move(to: device)
    try prompts.move(to: device)
  }

  /// Adds the similarity of positions to the classes to the head's input.
  public override func represent(_ encoded: EncodedImages, _ pass: ForwardPass) throws -> Representation {
    try reading.represent(encoded, similarities(encoded, training: pass.training != nil), pass)
  }

  /// Compares positions with the learned prompts.
  ///
  /// - Parameters:
  ///   - encoded: the tower's outputs.
  ///   - training: whether the prompts are embedded with gradients; otherwise once for all images.
  /// - Returns: the similarities and the class embeddings, (K+1)×d.
  /// - Throws: `TorchError` if the shapes do not fit.
  func similarities(_ encoded: EncodedImages, training: Bool) throws -> SeenSimilarity {
    let embed = { [self] in try prompts.embeddings(context) }
    let classes = training ? try embed() : try memory.embeddings(context, embed)
    return try SeenSimilarity(encoded, classes: classes, temperature: options.temperature) {
      try $0.matmul(classes.transposed())
    }
  }

  /// Computes the cross-entropy of the similarities, SCCM and KDSP.
  public override func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] {
    guard let step = try reading.endStep(batch, weight: options.similarity) else { return [] }
    let seen = step.seen
    var terms = step.terms
    func add(_ name: String, _ weight: Double, _ value: () throws -> Tensor) throws {
      if weight > 0 { terms.append(LossTerm(name, try value(), weight: weight)) }
    }
    guard options.consistency > 0 || options.distillation > 0 else { return terms }
    try fillEnsemble()
    try add("sccm", options.consistency) { try Self.consistency(seen.classes, ensemble: ensemble) }
    try add("kdsp", options.distillation) {
      try Self.distillation(
        seen.logits, features: output.representation.features, ensemble: ensemble,
        outlier: options.outlier, temperature: options.temperature)
    }
    return terms
  }

  /// Embeds the ensemble if that has not been done, in this process or before it.
  private func fillEnsemble() throws {
    guard try ensemble.power(2).sum().item() == 0 else { return }
    try withoutGradients {
      let prompts = try PromptEnsemble.sentences(words).map { sentences in
        try encoder.tower(encoder.shortIds(sentences)).to(.float32).normalized()
      }
      try ensemble.assign(.stacked(prompts))
    }
  }

  /// Computes SCCM: the mean squared difference of the prompts from the ensemble's normalised mean.
  ///
  /// - Parameters:
  ///   - classes: the embeddings of the learned prompts, (K+1)×d.
  ///   - ensemble: n×(K+1)×d.
  /// - Returns: a scalar.
  /// - Throws: `TorchError` if the shapes differ.
  static func consistency(_ classes: Tensor, ensemble: Tensor) throws -> Tensor {
    try (classes - ensemble.mean([0]).normalized()).power(2).mean()
  }

  /// Scores each prompt: the mean over positions of its largest cosine.
  ///
  /// - Parameters:
  ///   - features: C, B×P×d, each position normalised.
  ///   - ensemble: n×(K+1)×d.
  /// - Returns: n.
  /// - Throws: `TorchError` if the widths differ.
  static func scores(_ features: Tensor, ensemble: Tensor) throws -> Tensor {
    let sizes = try ensemble.sizes(rank: 3, "the ensemble")
    return try features.reshaped([-1, sizes[2]])
      .matmul(ensemble.reshaped([sizes[0] * sizes[1], sizes[2]]).transposed())
      .reshaped([-1, sizes[0], sizes[1]]).max([2]).mean([0])
  }

  /// Selects the prompts whose score is near the median: |s − median| ≤ `outlier` · MAD.
  ///
  /// MAD is the median of |s − median|. Of an even number, the lower middle is the median, as in
  /// PyTorch. So one prompt at least stays.
  ///
  /// - Parameters:
  ///   - scores: n.
  ///   - outlier: the largest distance, in MAD.
  /// - Returns: 1 for a prompt that stays, otherwise 0, float32, n.
  /// - Throws: `TorchError` with libtorch's message.
  static func selection(_ scores: Tensor, outlier: Double) throws -> Tensor {
    func median(_ values: Tensor) throws -> Tensor {
      try values.sorted(dim: 0).values.selected(dim: 0, index: (values.count - 1) / 2)
    }
    let gaps = try (scores - median(scores)).magnitude()
    return try (median(gaps) * outlier).atLeast(gaps).to(.float32)
  }

  /// Computes KDSP: the mean over positions and classes of p·(log p − log q).
  ///
  /// p is the prediction by the mean of the selected prompts, q that of the learned ones.
  ///
  /// - Parameters:
  ///   - logits: the learned prompts' similarities divided by the temperature, B×P×(K+1).
  ///   - features: C, B×P×d, each position normalised.
  ///   - ensemble: n×(K+1)×d.
  ///   - outlier: the largest distance of a score from the median, in MAD.
  ///   - temperature: the divisor of the cosines.
  /// - Returns: a scalar; p has no gradient.
  /// - Throws: `TorchError` if the shapes do not fit.
  static func distillation(
    _ logits: Tensor, features: Tensor, ensemble: Tensor, outlier: Double, temperature: Double
  ) throws -> Tensor {
    let teacher = try withoutGradients {
      let features = try features.to(.float32)
      let kept = try selection(scores(features, ensemble: ensemble), outlier: outlier).reshaped([-1, 1, 1])
      let selected = try ((ensemble * kept).sum([0]) / kept.sum()).normalized()
      return try (features.matmul(selected.transposed()) / temperature).logSoftmax(dim: -1)
    }
    return try (teacher.exp() * (teacher - logits.to(.float32).logSoftmax(dim: -1))).mean()
  }
}
