import Torch

/// The confounders in numbers: embeddings z (M×d) and how likely each is, P(z) (M).
///
/// Method, section 2.
public struct ConfounderDictionary: Sendable {
  /// M×d, L2-normalised.
  public let embeddings: Tensor
  /// P(z), M, sums to 1.
  public let prior: Tensor

  /// Makes a dictionary with a uniform prior, or the given one.
  ///
  /// - Throws: `TorchError.value` when the prior has another length or is not positive.
  public init(embeddings: Tensor, prior: Tensor? = nil) throws {
    let count = try embeddings.sizes(rank: 2, "the dictionary")[0]
    self.embeddings = embeddings
    guard let prior else {
      self.prior = try .full([count], 1 / Double(count), device: embeddings.device)
      return
    }
    guard prior.shape == [count], try prior.min([0]).item() > 0 else {
      throw TorchError.value("a prior over \(count) confounders needs \(count) positive numbers")
    }
    self.prior = try prior / prior.sum()
  }

  private init(embeddings: Tensor, checkedPrior prior: Tensor) {
    self.embeddings = embeddings
    self.prior = prior
  }

  /// The same on a device.
  public func moved(to device: Device) throws -> ConfounderDictionary {
    try ConfounderDictionary(embeddings: embeddings.to(device), checkedPrior: prior.to(device))
  }

  /// Estimates P(z) from images: the mean zero-shot posterior softmax(cos(x, z) / temperature).
  ///
  /// - Parameters:
  ///   - images: image embeddings of the training sites, n×d.
  ///   - embeddings: z, M×d.
  ///   - temperature: of the softmax; CLIP's own is 0.01.
  /// - Returns: M, positive, sums to 1.
  /// - Throws: `TorchError` when widths differ.
  public static func estimatedPrior(
    images: Tensor, embeddings: Tensor, temperature: Double = 0.01
  ) throws -> Tensor {
    let logits = try images.normalized().matmul(embeddings.normalized().transposed()) / temperature
    // A confounder never seen keeps a little mass: log P(z) must stay finite.
    let posterior = try logits.softmax(dim: -1).mean([0]) + 1e-4
    return try posterior / posterior.sum()
  }
}

extension DictionarySource {
  /// What stands in the place of the embedded words, M×d.
  ///
  /// - Parameters:
  ///   - words: z, M×d, L2-normalised.
  ///   - seed: of the run.
  /// - Returns: M×d, L2-normalised.
  /// - Throws: `TorchError` for a tensor of another rank.
  func embeddings(_ words: Tensor, _ seed: UInt64) throws -> Tensor {
    let generator = try Generator(seed: seed, for: "dictionary")
    switch self {
    // The constant is a parameter of the model; the words stay what attention is named after.
    case .words, .constant: return words
    case .random: return try .randomNormal(words.shape, generator: generator).normalized().to(words.device)
    case .shuffled:
      // Along one cycle through all entries, so that none keeps its own words.
      let cycle = try Tensor.randomPermutation(words.size(0), generator: generator).to(words.device)
      let wide = try cycle.expandedDimension(1).expanded(to: words.shape)
      return try words.scattered(dim: 0, index: wide, source: words.indexed(cycle.rolled([1], dims: [0])))
    }
  }
}
