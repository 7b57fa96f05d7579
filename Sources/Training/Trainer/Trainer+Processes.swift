import Confounders
import Datasets
import Storage
import Torch

extension Trainer {
  /// A hash of the sites and names of images, which must be the same in every process.
  static func names(_ samples: [Sample]) -> String {
    var hash = ContentHash()
    for sample in samples { hash.combine("\(sample.site)\n\(sample.id)\n") }
    return hash.text
  }

  /// Estimates P(z) from the training images' embeddings, of which each process computes a part.
  func estimatePrior(from bank: SampleBank) throws {
    system.train(false)
    var embeddings: [Tensor] = []
    let features = bank.samples == training.samples ? features : nil
    let own = processes.batches(of: bank.samples.count, size: configuration.batchSize)
    for start in stride(from: own.lowerBound, to: own.upperBound, by: configuration.batchSize) {
      let end = min(own.upperBound, start + configuration.batchSize)
      let images = try bank.batch(Array(start..<end)).images
      let cached = try features?.cached(Array(bank.samples[start..<end]))
      let encoded = try inferenceMode {
        try system.encoded(images, cached: encoder?(images, cached: cached))
      }
      embeddings.append(try encoded.image.to(.float32))
    }
    let dictionary = system.model.dictionary
    let words = system.model.text.confounders
    if embeddings.isEmpty { embeddings = [try .zeros([0, words.size(1)]).to(system.device)] }
    let found = try Tensor.concatenated(embeddings, dim: 0)
    try dictionary.setPrior(
      ConfounderDictionary.estimatedPrior(
        images: processes.others.map { try $0.gathered(rows: found) } ?? found, embeddings: words))
  }
}

extension AdamW {
  /// The parameters by group and key.
  var named: [String: Tensor] {
    Dictionary(
      groups.flatMap { group in group.parameters.map { ("\(group.name).\($0.key)", $0.tensor) } },
      uniquingKeysWith: { first, _ in first })
  }
}

extension Processes {
  /// Returns the rows of whole batches that this process computes; the processes cover each row once.
  ///
  /// The batches are those of one process, so that results are, too.
  ///
  /// - Parameters:
  ///   - count: the number of rows.
  ///   - size: the number of rows in a batch.
  /// - Returns: the rows, which may be none.
  func batches(of count: Int, size: Int) -> Range<Int> {
    guard let others else { return 0..<count }
    let own = others.shard(of: (count + size - 1) / size)
    return min(count, own.lowerBound * size)..<min(count, own.upperBound * size)
  }
}
