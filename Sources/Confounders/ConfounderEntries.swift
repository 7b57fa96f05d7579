import Torch

/// The entries of a dictionary that the attention reads: embeddings z (M×d) and P(z) (M).
public struct ConfounderEntries: Sendable {
  /// M×d.
  public let embeddings: Tensor
  /// P(z), M, sums to 1.
  public let prior: Tensor

  /// Makes entries with the given P(z), or a uniform one.
  ///
  /// - Parameters:
  ///   - embeddings: M×d.
  ///   - prior: M positive numbers, which need not sum to 1; nil for a uniform P(z).
  /// - Throws: `TorchError.value` if the prior has another length or is not positive.
  public init(embeddings: Tensor, prior: Tensor? = nil) throws {
    let count = try embeddings.sizes(rank: 2, "the dictionary")[0]
    self.embeddings = embeddings
    guard let prior else {
      self.prior = try .full([count], 1 / Double(count), device: embeddings.device)
      return
    }
    self.prior = try Self.normalized(prior, count: count)
  }

  init(embeddings: Tensor, normalizedPrior prior: Tensor) {
    self.embeddings = embeddings
    self.prior = prior
  }

  /// Scales M positive numbers so that they sum to 1.
  static func normalized(_ prior: Tensor, count: Int) throws -> Tensor {
    guard prior.shape == [count], try prior.min([0]).item() > 0 else {
      throw TorchError.value("a prior over \(count) confounders needs \(count) positive numbers")
    }
    return try prior / prior.sum()
  }

  /// Selects some of the entries, and scales their probabilities so that they sum to 1.
  ///
  /// - Parameter indices: at least one, each from 0 to M − 1.
  /// - Returns: the smaller dictionary.
  /// - Throws: `TorchError` if there is no such entry.
  public func keeping(_ indices: [Int]) throws -> ConfounderEntries {
    guard !indices.isEmpty else { throw TorchError.value("a dictionary needs at least one confounder") }
    let rows = try Tensor(indices).to(embeddings.device)
    return try ConfounderEntries(embeddings: embeddings.indexed(rows), prior: prior.indexed(rows))
  }

  /// Selects all entries except one.
  ///
  /// - Throws: `TorchError` if no entry is left.
  public func removing(_ entry: Int) throws -> ConfounderEntries {
    let all = try embeddings.size(0)
    return try keeping((0..<all).filter { $0 != entry })
  }

  /// Computes E_z of a tensor: one call per entry, with weights P(z).
  ///
  /// Over lesion probabilities this is the adjustment itself, P(Y | do(F)) = Σ_z P(Y | F, z) P(z).
  /// The method replaces it by one pass of the head over averaged features.
  ///
  /// - Parameter body: computes a tensor with a dictionary of one entry.
  /// - Returns: the weighted mean.
  /// - Throws: the errors of the body.
  public func expectation(_ body: (ConfounderEntries) throws -> Tensor) throws -> Tensor {
    let weights = try prior.doubles()
    let terms = try weights.indices.map { index in try body(keeping([index])) * weights[index] }
    return try terms.dropFirst().reduce(terms[0]) { try $0 + $1 }
  }
}
