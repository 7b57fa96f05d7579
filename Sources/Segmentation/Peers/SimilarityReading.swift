import Torch

/// Takes the similarity of positions to the class prompts into the common head's input.
///
/// The head's input has d channels for every method, so p(y) of each class enters it along a
/// learned direction: C + Σ_y p(y)·u_y. All u are 0 at first. So training starts from the
/// baseline's function, with the same head and budget, and the method adds (K+1)·d numbers to it.
final class SimilarityReading: Module {
  /// u, (K+1)×d.
  @Parameter private var directions: Tensor
  /// The similarities of the training step; nil outside of it.
  private var seen: SeenSimilarity?

  /// Makes a reading that changes nothing yet.
  ///
  /// - Parameters:
  ///   - classes: the number K+1 of classes with the normal one.
  ///   - width: d.
  /// - Throws: `TorchError` if there is no memory.
  init(classes: Int, width: Int) throws {
    _directions = Parameter("directions", try .zeros([classes, width]))
    super.init()
  }

  /// Adds the similarity to features.
  ///
  /// - Parameters:
  ///   - features: C, B×P×d.
  ///   - logits: the similarities divided by the temperature, B×P×(K+1).
  /// - Returns: B×P×d.
  /// - Throws: `TorchError` if the shapes do not fit.
  func callAsFunction(_ features: Tensor, _ logits: Tensor) throws -> Tensor {
    try (features + logits.softmax(dim: -1).matmul(directions)).to(features.dtype)
  }

  /// Makes the representation, and keeps the similarities of a training step for its losses.
  ///
  /// - Parameters:
  ///   - encoded: the tower's outputs.
  ///   - found: their similarities.
  ///   - pass: the settings of the pass.
  /// - Returns: C, with the similarities in the head's input.
  /// - Throws: `TorchError` if the shapes do not fit.
  func represent(
    _ encoded: EncodedImages, _ found: SeenSimilarity, _ pass: ForwardPass
  ) throws -> Representation {
    // Threads share a method in inference, so only training may write.
    if pass.training != nil { seen = found }
    let features = try encoded.positions
    return Representation(unchanged: features).withGrid(try self(features, found.logits))
  }

  /// Ends a training step, whose graph ends with its losses, too.
  ///
  /// - Parameters:
  ///   - batch: the batch of the step.
  ///   - weight: the weight of the term `similarity`; 0 leaves it out.
  /// - Returns: the similarities of the step with this term; nil outside of a step.
  /// - Throws: `TorchError` if the shapes do not fit.
  func endStep(
    _ batch: MethodBatch, weight: Double
  ) throws -> (seen: SeenSimilarity, terms: [LossTerm])? {
    guard let seen else { return nil }
    self.seen = nil
    guard weight > 0 else { return (seen, []) }
    return (seen, [LossTerm("similarity", try seen.crossEntropy(batch.masks), weight: weight)])
  }

  /// Computes the cross-entropy of positions, lesion against normal, with the mask at the grid.
  ///
  /// The class of a lesion need not be known: p(lesion) is the sum over the lesion classes. A mask
  /// becomes the fraction of lesion at each position.
  ///
  /// - Parameters:
  ///   - logits: B×P×(K+1), normal last.
  ///   - masks: B×1×S×S, 0 and 1.
  ///   - height: the rows of the grid.
  ///   - width: the columns of the grid; P = height · width.
  /// - Returns: the mean, a scalar.
  /// - Throws: `TorchError` if the shapes do not fit.
  static func crossEntropy(_ logits: Tensor, masks: Tensor, height: Int, width: Int) throws -> Tensor {
    let logits = try logits.to(.float32)
    let lesions = try logits.size(2) - 1
    let normal = try logits.selected(dim: 2, index: lesions)
    let odds = try logits.narrowed(dim: 2, start: 0, length: lesions).logSumExp([2]) - normal
    let targets = try masks.to(.float32).averagePool(height: height, width: width).flattened(from: 1)
    return try odds.binaryCrossEntropies(targets: targets).mean()
  }
}

/// The similarities of a training step, kept from the forward pass to the losses.
struct SeenSimilarity {
  /// B×P×(K+1), divided by the temperature.
  let logits: Tensor
  /// The class embeddings that they compare with.
  let classes: Tensor
  /// The rows of the grid.
  let height: Int
  /// The columns of the grid.
  let width: Int

  /// Compares positions with the classes, in float32 also under autocast.
  ///
  /// In bfloat16, cosines that are divided by 0.01 would have steps of 0.1 to 0.4.
  ///
  /// - Parameters:
  ///   - encoded: the tower's outputs.
  ///   - classes: the class embeddings.
  ///   - temperature: the divisor of the cosines.
  ///   - cosines: maps C, B×P×d, to the cosines, B×P×(K+1).
  /// - Throws: `TorchError` if the shapes do not fit.
  init(
    _ encoded: EncodedImages, classes: Tensor, temperature: Double, cosines: (Tensor) throws -> Tensor
  ) throws {
    let sizes = try encoded.dense.sizes(rank: 4, "the dense features")
    let features = try encoded.positions.to(.float32)
    logits = try autocast(to: .float32, on: features.device) { try cosines(features) / temperature }
    self.classes = classes
    (height, width) = (sizes[1], sizes[2])
  }

  /// The cross-entropy of the positions with the masks of the batch.
  ///
  /// - Parameter masks: B×1×S×S.
  /// - Returns: a scalar.
  /// - Throws: `TorchError` if the shapes do not fit.
  func crossEntropy(_ masks: Tensor) throws -> Tensor {
    try SimilarityReading.crossEntropy(logits, masks: masks, height: height, width: width)
  }
}
