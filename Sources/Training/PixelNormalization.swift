import Torch

/// CLIP's normalisation of pixels.
package struct PixelNormalization: Sendable {
  /// The means of red, green, blue, 1×3×1×1.
  private let mean: Tensor
  private let deviation: Tensor

  /// Makes a normalisation on the CPU.
  ///
  /// - Throws: `TorchError` unless there are three values of each.
  package init(mean: [Double], deviation: [Double]) throws {
    self.mean = try Tensor(mean.map(Float.init), shape: [1, 3, 1, 1])
    self.deviation = try Tensor(deviation.map(Float.init), shape: [1, 3, 1, 1])
  }

  private init(mean: Tensor, deviation: Tensor) { (self.mean, self.deviation) = (mean, deviation) }

  /// The means and deviations.
  var tensors: [Tensor] { [mean, deviation] }

  /// Moves every tensor to a device.
  func moved(to device: Device) throws -> PixelNormalization {
    PixelNormalization(mean: try mean.to(device), deviation: try deviation.to(device))
  }

  /// Normalises images from 0 to 1, B×3×S×S on any device, on this one.
  package func callAsFunction(_ images: Tensor) throws -> Tensor {
    try (images.sent(to: mean.device) - mean) / deviation
  }
}
