import Datasets
import Foundation
import MCDRL
import Torch

/// What a frozen image tower makes of pictures: encoded once, shared by folds, methods and seeds.
///
/// Takes 4·h·w·(d + the widths of the tower's layers that the head uses) bytes a picture: 128 KiB for a 16×16 grid and
/// d = 128.
public struct FeatureStore: Sendable {
  private let rows: [URL: Int]
  private let features: EncodedImages

  /// Encodes the pictures of a bank.
  ///
  /// - Parameters:
  ///   - bank: the pictures.
  ///   - system: whose tower and settings are used; its tower must be frozen.
  ///   - batchSize: pictures a pass.
  ///   - memoryLimit: bytes that may be kept; nil is returned when all pictures take more.
  ///   - workers: batches that are encoded side by side.
  ///   - progress: told how many are done, from any thread.
  /// - Throws: `ConfigurationError` when the tower is trained, `TrainingError.noImages`, or what encoding throws.
  public init?(
    _ bank: SampleBank, system: SegmentationSystem, batchSize: Int = 16, memoryLimit: Int = 4 << 30,
    workers: Int = 1, progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    let count = bank.samples.count
    guard count > 0 else { throw TrainingError.noImages }
    guard
      let features = try Self.encode(
        count, system: system, batchSize: batchSize, memoryLimit: memoryLimit, workers: workers,
        progress: progress, images: { try bank.batch(Array($0)).images })
    else { return nil }
    self.features = features
    rows = Dictionary(
      bank.samples.enumerated().map { ($1.image, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// What a frozen tower makes of pictures, a batch at a time; nil when it takes more memory than it may.
  static func encode(
    _ count: Int, system: SegmentationSystem, batchSize: Int = 16, memoryLimit: Int, workers: Int,
    progress: @escaping @Sendable (Int) -> Void,
    images: @escaping @Sendable (_ rows: Range<Int>) throws -> Tensor
  ) throws -> EncodedImages? {
    guard system.isFrozen else {
      throw ConfigurationError("tune: features can be kept only of a frozen tower; set tune to none")
    }
    system.train(false)
    let encoder = Encoder(system: system, images: images)
    let first = try encoder.batch(0..<min(batchSize, count))
    let bytes = first.tensors.reduce(0) { $0 + 4 * $1.count } / min(batchSize, count) * count
    guard bytes <= memoryLimit else { return nil }
    let kept = try first.map { try Tensor.zeros([count] + $0.shape.dropFirst(), dtype: $0.dtype) }
    let done = Tally()
    let starts = Array(stride(from: 0, to: count, by: batchSize))
    _ = try concurrentMap(count: starts.count, threads: workers) { index in
      let rows = starts[index]..<min(count, starts[index] + batchSize)
      let part = index == 0 ? first : try encoder.batch(rows)
      for (target, source) in zip(kept.tensors, part.tensors) {
        try target.narrowed(dim: 0, start: rows.lowerBound, length: rows.count).assign(source)
      }
      progress(min(count, done.add() * batchSize))
    }
    return kept
  }

  /// The memory that the features take.
  var bytes: Int { features.bytes }

  /// The features of some pictures, in their order.
  ///
  /// - Throws: `ConfigurationError` that names a picture that was not encoded.
  public func encoded(_ samples: [Sample]) throws -> EncodedImages {
    let indices = try Tensor(
      samples.map { sample -> Int in
        guard let row = rows[sample.image] else {
          throw ConfigurationError("\(sample.image.path): no features of this picture were kept")
        }
        return row
      })
    return try features.map { try $0.indexed(indices) }
  }
}

extension EncodedImages {
  /// The memory that they take.
  var bytes: Int { tensors.reduce(0) { $0 + 4 * $1.count } }
}

/// Encodes batches from several threads; the system is only read.
private struct Encoder: @unchecked Sendable {
  let system: SegmentationSystem
  let images: @Sendable (_ rows: Range<Int>) throws -> Tensor

  func batch(_ rows: Range<Int>) throws -> EncodedImages {
    try withoutGradients { try system.encoded(images(rows)).to(.cpu) }
  }
}
