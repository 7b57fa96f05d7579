import Confounders
import Torch

/// Words that erase: takes from the features what says how much of each confounder an image has (ours).
///
/// The words measure each image: its cosines with the confounder prompts. Training collects the
/// covariance of these with the features at every position, of the grid and of the tower's layers.
/// LEACE gives the smallest change after which no linear map reads the measures from the features
/// (Belrose et al., NeurIPS 2023). The head reads the changed features. In the first steps there
/// is no change yet.
public final class Erasure: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "leace"
  /// The description in one line.
  public static let summary = "erases from the features what the words measure of the confounders"
  /// The paper.
  public static let reference =
    "Belrose et al.: LEACE: Perfect linear concept erasure in closed form. NeurIPS 2023"

  /// The options.
  public struct Options: MethodOptions {
    /// The share of the change: 1 erases all that a linear map reads.
    public var strength = 1.0
    /// Whether the tower's layers for the head change as well, besides the grid.
    public var layers = true
    /// The directions that measure: `words`, or `random` as a control.
    public var dictionary = DictionarySource.words
    /// How much the features of earlier steps count after each step.
    public var memory = 0.99
    /// The number of steps between two fits; there is one at the start of each epoch, too.
    public var interval = 50

    /// Makes the default options.
    public init() {}

    /// Checks all options.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("strength", strength, in: 0...1)
      try require("memory", memory, in: 0.5...1)
      try require("interval", Double(interval), in: 1...1_000_000)
      guard dictionary != .constant else {
        throw MethodError.option(
          name: "dictionary", value: "constant",
          wanted: "words, random or shuffled: a constant measures nothing")
      }
    }
  }

  /// Returns the traits: the source of the directions.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits {
    var traits = MethodTraits()
    traits.dictionary = options.dictionary
    traits.segmentsClasses = true
    return traits
  }

  /// The erasers of the grid and of each layer.
  @Child private var erasers: [Eraser]
  /// The number of steps so far, and the epoch of the last one.
  @Buffer private var steps: Tensor
  private let dictionary: ConfounderDictionary
  private let options: Options

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    self.options = options
    dictionary = context.dictionary
    let (count, width) = (try context.dictionary.embeddings.size(0), try context.text.classes.size(1))
    let widths = [width] + (options.layers ? context.towerWidths : [])
    _erasers = Child("erasers", try widths.map { try Eraser(width: $0, concepts: count) })
    _steps = Buffer("steps", try .zeros([2], dtype: .int64))
    super.init()
  }

  /// Erases the measures from the grid and the layers; in training it also collects their moments.
  public override func represent(_ encoded: EncodedImages, _ pass: ForwardPass) throws -> Representation {
    let positions = try encoded.positions
    let layers = options.layers ? encoded.layers : []
    let parts = [positions] + layers
    if let training = pass.training {
      try withoutGradients { try collect(parts, encoded.image, epoch: training.epoch) }
    }
    let erased = try zip(erasers, parts).map { try $0($1, strength: options.strength) }
    return Representation(
      features: positions, observed: positions, grid: erased[0],
      layers: options.layers ? Array(erased.dropFirst()) : nil)
  }

  /// Adds a batch to the moments; fits the erasers at every interval, and when an epoch begins.
  private func collect(_ parts: [Tensor], _ images: Tensor, epoch: Int) throws {
    let measures = try images.to(.float32).normalized().matmul(
      dictionary.embeddings.to(.float32).normalized().transposed())
    let last = try steps.array(of: Int64.self)
    let step = last[0] + 1
    try steps.assign(Tensor([step, Int64(epoch)]).to(steps.device))
    let fits = step % Int64(options.interval) == 0 || Int64(epoch) > last[1]
    for (eraser, part) in zip(erasers, parts) {
      try eraser.add(part, measures, keeping: options.memory)
      if fits { try eraser.fit() }
    }
  }
}

/// The moments of one output of the tower with the measures, and the erasure that they give.
final class Eraser: Module {
  @Buffer private var count: Tensor
  @Buffer private var featureMean: Tensor
  @Buffer private var conceptMean: Tensor
  @Buffer private var features: Tensor
  @Buffer private var products: Tensor
  @Buffer private var mean: Tensor
  @Buffer private var projection: Tensor

  /// Makes an eraser that changes nothing.
  ///
  /// - Parameters:
  ///   - width: the channels of the output.
  ///   - concepts: the number of measures.
  /// - Throws: `TorchError` if there is no memory.
  init(width: Int, concepts: Int) throws {
    let moments = try ConceptMoments(width: width, concepts: concepts)
    _count = Buffer("count", try .zeros([1], dtype: .float64))
    _featureMean = Buffer("feature-mean", moments.featureMean)
    _conceptMean = Buffer("concept-mean", moments.conceptMean)
    _features = Buffer("features", moments.features)
    _products = Buffer("products", moments.products)
    _mean = Buffer("mean", try .zeros([width]))
    _projection = Buffer("projection", try .zeros([width, width]))
    super.init()
  }

  private var moments: ConceptMoments {
    get throws {
      ConceptMoments(
        count: try count.item(), featureMean: featureMean, conceptMean: conceptMean, features: features,
        products: products)
    }
  }

  /// Adds the positions of a batch, B×…×d, with the measures of its images, B×k.
  func add(_ part: Tensor, _ measures: Tensor, keeping share: Double) throws {
    let (images, width) = (try part.size(0), try part.size(-1))
    let rows = try part.reshaped([-1, width])
    let positions = try rows.size(0) / max(1, images)
    let concepts = try measures.size(1)
    let repeated = try measures.expandedDimension(1).expanded(to: [images, positions, concepts])
      .reshaped([-1, concepts])
    var moments = try moments
    try moments.forget(keeping: share)
    try moments.add(rows, repeated)
    try count.fill(moments.count)
    try featureMean.assign(moments.featureMean)
    try conceptMean.assign(moments.conceptMean)
    try features.assign(moments.features)
    try products.assign(moments.products)
  }

  /// Fits the erasure to the moments so far.
  func fit() throws {
    let erasure = try ConceptErasure(moments)
    try mean.assign(erasure.mean.to(.float32))
    try projection.assign(erasure.projection.to(.float32))
  }

  /// Erases the measures from features …×d.
  func callAsFunction(_ part: Tensor, strength: Double) throws -> Tensor {
    try ConceptErasure(mean: mean, projection: projection)(part, strength: strength)
  }
}
