import Datasets
import Metrics
import Torch

/// What a model must beat: predictors that do not look at the image.
package enum TrivialPredictor: String, Codable, Sendable, CaseIterable {
  /// Nothing is lesion.
  case background = "all background"
  /// Everything is lesion.
  case lesion = "all lesion"
  /// The mean of the training masks, above one half of its largest value.
  case meanMask = "mean training mask"

  /// The prediction at S×S, bool.
  ///
  /// - Parameter meanMask: the mean of the training masks, S×S.
  /// - Returns: S×S, the same for every image.
  /// - Throws: `TorchError` with libtorch's message.
  package func prediction(meanMask: Tensor) throws -> Tensor {
    switch self {
    case .background: try meanMask.less(than: 0)
    case .lesion: try meanMask.atLeast(0)
    case .meanMask: try meanMask.greater(than: meanMask.max([0, 1]).item() / 2)
    }
  }

  /// The mean mask of samples at S×S.
  package static func meanMask(_ samples: [Sample], reader: SampleReader) throws -> Tensor {
    var total = try Tensor.zeros([reader.size, reader.size])
    for sample in samples {
      let image = try reader.image(sample.image)
      guard let mask = try reader.mask(of: sample, imageSize: Array(image.shape.dropFirst())) else {
        continue
      }
      total = try total + reader.scaled(mask: mask).to(.float32)
    }
    return try total / Double(max(1, samples.count))
  }

  /// Scores the predictor on a sample at its own size.
  package func scores(
    _ sample: Sample, meanMask: Tensor, reader: SampleReader, tolerance: Double, spacing: PixelSpacing? = nil
  ) throws -> ImageScores {
    let image = try reader.image(sample.image)
    let shape = Array(image.shape.dropFirst())
    let reference = try reader.mask(of: sample, imageSize: shape) ?? .zeros(shape, dtype: .bool)
    let small = try prediction(meanMask: meanMask).to(.float32).expandedDimension(0).expandedDimension(0)
    let full = try small.resized(height: shape[0], width: shape[1]).squeezed(0).squeezed(0).atLeast(0.5)
    return try ImageScores(
      prediction: BinaryMask(full), reference: BinaryMask(reference), tolerance: tolerance,
      spacing: spacing)
  }
}
