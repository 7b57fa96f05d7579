import CLIP
import Segmentation
import Torch

/// A user's method with an option, a loss term of a name of its own, and a buffer that counts steps.
final class SiteVariance: SegmentationMethod, ConfigurableMethod {
  static let name = "site-variance"
  static let summary = "asks that the loss is the same at every site"
  static let reference =
    "Krueger et al.: Out-of-Distribution Generalization via Risk Extrapolation. ICML 2021"

  struct Options: MethodOptions {
    /// The weight of the variance.
    var weight = 10.0
    /// The name of its term.
    var term = "variance"

    func validate() throws { try require("weight", weight, in: 0...1e6) }
  }

  private let options: Options
  /// Steps that it has seen.
  @Buffer private(set) var steps: Tensor

  init(_ options: Options, _ context: MethodContext) throws {
    guard context.textEncoder == nil else {
      throw MethodError.option(
        name: "term", value: "\(options)", wanted: "without a text tower, which it does not ask for")
    }
    self.options = options
    _steps = Buffer("steps", try .zeros([1]))
    super.init()
  }

  override func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] {
    try withoutGradients { _ = try steps.assign(steps + 1) }
    let sites = try Set(batch.sites).sorted().map { try batch.losses.rows(of: $0, in: batch.sites).mean() }
    let variance = try Tensor.stacked(sites).variance([0], correction: 0)
    return [LossTerm(options.term, variance, weight: options.weight)]
  }
}

/// Learned words before the names of the classes, whose embeddings are added to the features that they are like
/// (after Zhou et al., Learning to Prompt for Vision-Language Models, IJCV 2022).
final class LearnedPrompt: SegmentationMethod, ConfigurableMethod {
  static let name = "learned-prompt"
  static let summary = "learns the words before the names of the classes"

  struct Options: MethodOptions {
    /// The number of learned words.
    var length = 2

    func validate() throws { try require("length", length, in: 1...16) }
  }

  static func traits(_ options: Options) -> MethodTraits {
    var traits = MethodTraits()
    traits.needsTextTower = true
    return traits
  }

  /// The embeddings of the learned words, length×w.
  @Parameter private(set) var words: Tensor
  let encoder: TextEncoder
  private let length: Int
  private var ids: Tensor
  private var tokens: Tensor

  init(_ options: Options, _ context: MethodContext) throws {
    guard let encoder = context.textEncoder else { throw MethodError.needsTextTower(method: Self.name) }
    self.encoder = encoder
    length = options.length
    let prefix = Array(repeating: "x", count: options.length).joined(separator: " ")
    ids = try encoder.ids(["polyp", "cyst"].map { "\(prefix) \($0)" })
    tokens = try encoder.tower.tokens(ids)
    _words = Parameter(
      "words", try tokens.selected(dim: 0, index: 0).narrowed(dim: 0, start: 1, length: length).copy())
    super.init()
  }

  override func move(to device: Device) throws {
    try super.move(to: device)
    (ids, tokens) = (try ids.to(device), try tokens.to(device))
  }

  override func represent(_ encoded: EncodedImages, _ pass: ForwardPass) throws -> Representation {
    let features = try encoded.positions
    let classes = try sentences().normalized()
    let likeness = try (features.matmul(classes.transposed()) / 0.1).softmax(dim: -1)
    return Representation(unchanged: features).withGrid(try features + likeness.matmul(classes))
  }

  /// The classes with the learned words before them, K×d.
  private func sentences() throws -> Tensor {
    let (count, all) = (try tokens.size(0), try tokens.size(1))
    let rest = 1 + length
    let parts = [
      try tokens.narrowed(dim: 1, start: 0, length: 1),
      try words.expandedDimension(0).expanded(to: [count, -1, -1]),
      try tokens.narrowed(dim: 1, start: rest, length: all - rest),
    ]
    return try encoder.tower(tokens: .concatenated(parts, dim: 1), endingAs: ids)
  }
}
