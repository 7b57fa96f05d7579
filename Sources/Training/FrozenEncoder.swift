import Segmentation
import Torch

/// The frozen layers of a system's image tower, for encoding in the run's precision.
///
/// `SegmentationSystem.frozenEncoder()` makes it once, when the weights have their values. On the
/// CPU it is compiled, immutable and shared by threads.
package struct FrozenEncoder: Sendable {
  private let part: FrozenPart
  private let normalization: PixelNormalization
  private let dense: String
  private let layers: [Int]
  private let precision: Precision
  private let device: Device

  init(
    _ part: FrozenPart, _ normalization: PixelNormalization, dense: String, layers: [Int],
    precision: Precision,
    device: Device
  ) {
    (self.part, self.normalization) = (part, normalization)
    (self.dense, self.layers) = (dense, layers)
    (self.precision, self.device) = (precision, device)
  }

  /// Encodes a batch.
  ///
  /// - Parameter images: B×3×S×S from 0 to 1, on any device.
  /// - Returns: the features on the system's device, without gradients.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func callAsFunction(_ images: Tensor) throws -> FrozenFeatures {
    try withoutGradients {
      try autocast(to: precision.autocastType, on: device) {
        try part(normalization(images), dense: dense, layers: layers)
      }
    }
  }

  /// Encodes the images of a batch whose features are not cached.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: the features of the first images; nil for none.
  /// - Returns: the features of all images on the system's device, without gradients.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func callAsFunction(_ images: Tensor, cached: FrozenFeatures?) throws -> FrozenFeatures {
    guard let cached = try cached?.to(device) else { return try self(images) }
    let (count, known) = (try images.size(0), try cached.tensors[0].size(0))
    guard known < count else { return cached }
    return try cached.joined(with: self(images.narrowed(dim: 0, start: known, length: count - known)))
  }
}
