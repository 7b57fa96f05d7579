import Torch

/// The confounders in numbers: embeddings z (M×d) and how likely each is, P(z) (M).
///
/// Method, section 2.
package struct ConfounderDictionary: Sendable {
  /// M×d, L2-normalised.
  package let embeddings: Tensor
  /// P(z), M, sums to 1.
  package let prior: Tensor

  /// Makes a dictionary with a uniform prior, or the given one.
  ///
  /// - Throws: `TorchError.value` when the prior has another length or is not positive.
  package init(embeddings: Tensor, prior: Tensor? = nil) throws {
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
  package func moved(to device: Device) throws -> ConfounderDictionary {
    try ConfounderDictionary(embeddings: embeddings.to(device), checkedPrior: prior.to(device))
  }

  /// The same values in memory of their own.
  package func copied() throws -> ConfounderDictionary {
    ConfounderDictionary(embeddings: try embeddings.copy(), checkedPrior: try prior.copy())
  }

  /// Estimates P(z) from images: the mean zero-shot posterior softmax(cos(x, z) / temperature).
  ///
  /// - Parameters:
  ///   - images: image embeddings of the training sites, n×d.
  ///   - embeddings: z, M×d.
  ///   - temperature: of the softmax; CLIP's own is 0.01.
  /// - Returns: M, positive, sums to 1.
  /// - Throws: `TorchError` when widths differ.
  package static func estimatedPrior(
    images: Tensor, embeddings: Tensor, temperature: Double = 0.01
  ) throws -> Tensor {
    let logits = try images.normalized().matmul(embeddings.normalized().transposed()) / temperature
    // A confounder never seen keeps a little mass: log P(z) must stay finite.
    let posterior = try logits.softmax(dim: -1).mean([0]) + 1e-4
    return try posterior / posterior.sum()
  }
}
