import Confounders
import Torch

extension SegmentationModel {
  /// Computes with another dictionary or another way of summing over it, and puts back what was there.
  ///
  /// No weight depends on either.
  ///
  /// - Parameters:
  ///   - other: the confounders; nil leaves them.
  ///   - adjustment: how the sum is carried out; nil leaves it, as does a model without an intervention.
  ///   - body: what to compute.
  /// - Returns: what the body returns.
  /// - Throws: what the body throws.
  package func using<Result>(
    _ other: ConfounderDictionary? = nil, adjustment: Adjustment? = nil, _ body: () throws -> Result
  ) rethrows -> Result {
    let (before, way) = (dictionary, self.adjustment)
    defer {
      dictionary = before
      self.adjustment = way
    }
    if let other { dictionary = other }
    if let adjustment { self.adjustment = adjustment }
    return try body()
  }

  /// E_z of what is computed under each confounder alone, weighed with P(z): one call for each.
  ///
  /// Over lesion probabilities it is the adjustment itself, P(Y | do(F)) = Σ_z P(Y | F, z) P(z), which the method replaces by
  /// one pass of the head over features that were averaged.
  ///
  /// - Parameter body: what to compute, with a dictionary of the one confounder.
  /// - Returns: the mean.
  /// - Throws: what the body throws.
  package func expectation(_ body: () throws -> Tensor) throws -> Tensor {
    let weights = try dictionary.prior.doubles()
    let terms = try weights.indices.map { index in
      try using(dictionary.keeping([index]), body) * weights[index]
    }
    return try terms.dropFirst().reduce(terms[0]) { try $0 + $1 }
  }
}

extension ConfounderDictionary {
  /// Some of the entries, with their probabilities brought to sum to 1.
  ///
  /// - Parameter entries: at least one, each from 0 to M − 1.
  /// - Returns: the smaller dictionary.
  /// - Throws: `TorchError` when there is no such entry.
  package func keeping(_ entries: [Int]) throws -> ConfounderDictionary {
    guard !entries.isEmpty else { throw TorchError.value("a dictionary needs at least one confounder") }
    let rows = try Tensor(entries).to(embeddings.device)
    return try ConfounderDictionary(embeddings: embeddings.indexed(rows), prior: prior.indexed(rows))
  }

  /// All entries but one.
  package func removing(_ entry: Int) throws -> ConfounderDictionary {
    let all = try embeddings.size(0)
    return try keeping((0..<all).filter { $0 != entry })
  }
}
