import Torch

// What several processes exchange in a step; of one alone everything is its own.
extension ContrastiveTrainer {
  /// Requires an image of each batch for every process.
  ///
  /// - Throws: `PretrainingError.processes`.
  package static func requireImages(
    _ configuration: PretrainingConfiguration, for processes: Processes
  ) throws {
    guard processes.count > configuration.batchSize else { return }
    throw PretrainingError.processes(processes.count, batchSize: configuration.batchSize)
  }

  /// Encodes sentences, each process a part of them.
  ///
  /// - Parameter ids: the tokens of all sentences, int64 U×L.
  /// - Returns: the embeddings of all sentences, normalised, U×d, with gradients.
  /// - Throws: `CLIPError`, or the error of the group if a process has ended.
  func texts(_ ids: Tensor) throws -> Tensor {
    // Every process decides alike: with fewer sentences than processes each encodes all.
    guard let group = processes.others, try ids.size(0) >= group.count else {
      return try clip.text(ids).normalized()
    }
    let part = try group.shard(of: ids.size(0))
    let own = try ids.narrowed(dim: 0, start: part.lowerBound, length: part.count)
    return try group.gatheredWithGradient(rows: clip.text(own).normalized())
  }

  /// Joins the cosines of all images of a batch.
  ///
  /// - Parameter cosines: some tables of this process's images and all sentences, each n×U.
  /// - Returns: the tables of all images, each B×U, with gradients.
  /// - Throws: the error of the group if a process has ended.
  func gathered(_ cosines: [Tensor]) throws -> [Tensor] {
    guard let group = processes.others, let width = try cosines.first?.size(1) else { return cosines }
    let all = try group.gatheredWithGradient(rows: .concatenated(cosines, dim: 1))
    return try cosines.indices.map { try all.narrowed(dim: 1, start: $0 * width, length: width) }
  }

  /// Returns the mean of a scalar over the processes, the same number in each.
  func mean(_ scalar: Tensor) throws -> Double {
    guard let group = processes.others else { return try scalar.detached().item() }
    let sum = try scalar.detached().copy()
    try group.sum(sum)
    return try sum.item() / Double(group.count)
  }
}
