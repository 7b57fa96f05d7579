import Torch

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
