import Torch

/// CLIP's normalisation of pixels.
struct PixelNormalization: Sendable {
  /// Red, green, blue, 1×3×1×1.
  private let mean: Tensor
  private let deviation: Tensor

  /// Makes a normalisation on the CPU.
  ///
  /// - Throws: `TorchError` when there are not three values of each.
  init(mean: [Double], deviation: [Double]) throws {
    self.mean = try Tensor(mean.map(Float.init), shape: [1, 3, 1, 1])
    self.deviation = try Tensor(deviation.map(Float.init), shape: [1, 3, 1, 1])
  }

  private init(mean: Tensor, deviation: Tensor) { (self.mean, self.deviation) = (mean, deviation) }

  /// Means and deviations.
  var tensors: [Tensor] { [mean, deviation] }

  /// The same on a device.
  func moved(to device: Device) throws -> PixelNormalization {
    PixelNormalization(mean: try mean.to(device), deviation: try deviation.to(device))
  }

  /// Images from 0 to 1, B×3×S×S on any device → normalised pixels on this one.
  func callAsFunction(_ images: Tensor) throws -> Tensor { try (images.to(mean.device) - mean) / deviation }
}
