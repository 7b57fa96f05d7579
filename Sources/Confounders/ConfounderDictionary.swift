import Storage
import Torch

/// The source of Z; every source except the words is a control (ours).
public enum DictionarySource: String, NamedChoice, Sendable {
  /// The embedded confounder prompts.
  case words
  /// One trained vector: the same blocks and parameters, but a single entry for the attention.
  case constant
  /// Random directions, one per confounder.
  case random
  /// The embedded prompts, each under the name of another confounder.
  case shuffled
}

/// The source of P(z) (ours).
public enum Prior: String, NamedChoice, Sendable {
  /// Every confounder is equally likely.
  case uniform
  /// The mean zero-shot posterior of the training images.
  case estimated
  /// What a sentence says of the new hospital: adaptation by words.
  case described
  /// The mean zero-shot posterior of the held-out site's images, without their masks: adaptation.
  case heldOut = "held-out"
}

/// The dictionary Z of confounders with P(z).
///
/// Only this type stores Z and P(z) in a model. Method, section 2. P(z) is a buffer, so a
/// checkpoint holds it. The embeddings follow from the embedded prompts. A dictionary of one
/// learned constant trains its embedding.
public final class ConfounderDictionary: Module {
  @Parameter private var constant: Tensor?
  /// P(z) over the confounders of the prompt file, M, sums to 1.
  @Buffer public private(set) var prior: Tensor
  /// z, M×d.
  public private(set) var embeddings: Tensor

  /// Makes a dictionary with a uniform P(z).
  ///
  /// - Parameters:
  ///   - source: the source of Z.
  ///   - words: the embedded confounder prompts, M×d, L2-normalised.
  ///   - seed: for random directions and the order of shuffled words.
  /// - Throws: `TorchError` for a tensor of another rank.
  public init(_ source: DictionarySource = .words, words: Tensor, seed: UInt64 = 0) throws {
    embeddings = try source.embeddings(words, seed)
    let count = try embeddings.sizes(rank: 2, "the dictionary")[0]
    _constant = Parameter(
      "constant", source == .constant ? try words.mean([0], keepDimensions: true) : nil)
    _prior = Buffer("prior", try .full([count], 1 / Double(count), device: words.device))
    super.init()
  }

  /// Whether one learned vector replaces Z, so that the attention has a single entry.
  public var isConstant: Bool { constant != nil }

  /// The entries that the attention reads: all M, or only the learned constant.
  public var entries: ConfounderEntries {
    get throws {
      guard let constant else { return ConfounderEntries(embeddings: embeddings, normalizedPrior: prior) }
      return try ConfounderEntries(embeddings: constant)
    }
  }

  /// Replaces P(z).
  ///
  /// - Parameter value: M positive numbers, which need not sum to 1.
  /// - Throws: `TorchError.value` for another length or a number that is not positive.
  public func setPrior(_ value: Tensor) throws {
    try prior.assign(ConfounderEntries.normalized(value, count: prior.count))
  }

  /// Moves parameters, P(z) and embeddings to a device.
  public override func move(to device: Device) throws {
    try super.move(to: device)
    embeddings = try embeddings.to(device)
  }

  /// Estimates P(z) from images: the mean zero-shot posterior softmax(cos(x, z) / temperature).
  ///
  /// - Parameters:
  ///   - images: image embeddings of the training sites, n×d.
  ///   - embeddings: z, M×d.
  ///   - temperature: the temperature of the softmax; CLIP's own is 0.01.
  /// - Returns: M, positive, sums to 1.
  /// - Throws: `TorchError` if the widths differ.
  public static func estimatedPrior(
    images: Tensor, embeddings: Tensor, temperature: Double = 0.01
  ) throws -> Tensor {
    let logits = try images.normalized().matmul(embeddings.normalized().transposed()) / temperature
    // A confounder without images gets a small probability, because log P(z) must stay finite.
    let posterior = try logits.softmax(dim: -1).mean([0]) + 1e-4
    return try posterior / posterior.sum()
  }
}

extension ConfounderDictionary {
  /// Derives P(z) from phrases: the mean of softmax(cos(phrase, z) / temperature) over them.
  ///
  /// What all sentences share says nothing, so the mean of the entries is taken from both sides.
  ///
  /// - Parameters:
  ///   - phrases: the embedded phrases, n×d.
  ///   - embeddings: z, M×d.
  ///   - temperature: the temperature of the softmax (ours).
  /// - Returns: M, positive, sums to 1.
  /// - Throws: `TorchError` if the widths differ.
  package static func describedPrior(
    phrases: Tensor, embeddings: Tensor, temperature: Double = 0.2
  ) throws -> Tensor {
    let words = try embeddings.normalized()
    let middle = try words.mean([0])
    let cosines = try (phrases.normalized() - middle).normalized()
      .matmul((words - middle).normalized().transposed())
    let prior = try (cosines / temperature).softmax(dim: -1).mean([0]) + 1e-4
    return try prior / prior.sum()
  }
}

extension DictionarySource {
  /// Returns the M×d embeddings of this source, L2-normalised.
  ///
  /// - Parameters:
  ///   - words: z, M×d, L2-normalised.
  ///   - seed: the seed of the run.
  /// - Returns: M×d.
  /// - Throws: `TorchError` for a tensor of another rank.
  func embeddings(_ words: Tensor, _ seed: UInt64) throws -> Tensor {
    let generator = try Generator(seed: seed, for: "dictionary")
    switch self {
    // The constant is a parameter of the dictionary. The words still name the confounders.
    case .words, .constant: return words
    case .random: return try .randomNormal(words.shape, generator: generator).normalized().to(words.device)
    case .shuffled:
      // One cycle through all entries, so that no entry keeps its own words.
      let cycle = try Tensor.randomPermutation(words.size(0), generator: generator).to(words.device)
      let wide = try cycle.expandedDimension(1).expanded(to: words.shape)
      return try words.scattered(dim: 0, index: wide, source: words.indexed(cycle.rolled([1], dims: [0])))
    }
  }
}
