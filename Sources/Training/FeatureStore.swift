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
  ///   - progress: told how many are done.
  /// - Throws: `ConfigurationError` when the tower is trained, or what encoding throws.
  public init(
    _ bank: SampleBank, system: SegmentationSystem, batchSize: Int = 16, progress: (Int) -> Void = { _ in }
  ) throws {
    guard system.isFrozen else {
      throw ConfigurationError("tune: features can be kept only of a frozen tower; set tune to none")
    }
    system.train(false)
    var parts: [EncodedImages] = []
    for start in stride(from: 0, to: bank.samples.count, by: batchSize) {
      let end = min(bank.samples.count, start + batchSize)
      parts.append(
        try withoutGradients { try system.encoded(bank.batch(Array(start..<end)).images).to(.cpu) })
      progress(end)
    }
    guard let first = parts.first else { throw TrainingError.noImages }
    features = EncodedImages(
      dense: try .concatenated(parts.map(\.dense), dim: 0),
      image: try .concatenated(parts.map(\.image), dim: 0),
      layers: try first.layers.indices.map { layer in
        try .concatenated(parts.map { $0.layers[layer] }, dim: 0)
      })
    rows = Dictionary(
      bank.samples.enumerated().map { ($1.image, $0) }, uniquingKeysWith: { first, _ in first })
  }

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
    return EncodedImages(
      dense: try features.dense.indexed(indices), image: try features.image.indexed(indices),
      layers: try features.layers.map { try $0.indexed(indices) })
  }
}
