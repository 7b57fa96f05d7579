import Datasets
import Foundation
import Imaging
import Metrics
import Segmentation
import Torch

/// Uses a compiled system on images of any size.
package final class Segmenter {
  private let system: CompiledSystem
  private let reader: SampleReader

  /// Wraps a system.
  package init(_ system: CompiledSystem, reader: SampleReader) {
    self.system = system
    self.reader = reader
  }

  /// Lesion probability at the image's own size: uint8 3×H×W → float32 H×W.
  ///
  /// - Parameters:
  ///   - image: the image.
  ///   - kept: what the frozen layers make of it, where that is kept.
  /// - Returns: probabilities from 0 to 1.
  /// - Throws: `TorchError` when memory does not suffice.
  package func probability(_ image: Tensor, kept: FrozenFeatures? = nil) throws -> Tensor {
    let sizes = try image.sizes(rank: 3, "the image")
    let input = try (reader.scaled(image).to(.float32) / 255).expandedDimension(0)
    let small = try system.probabilities(input, kept: kept)
    return try small.resized(height: sizes[1], width: sizes[2]).squeezed(0).squeezed(0)
  }

  /// Everything that one forward pass tells about a sample, at the sample's own size.
  ///
  /// - Parameters:
  ///   - sample: an image; without a mask the reference is empty.
  ///   - threshold: from which probability on a pixel is lesion.
  ///   - tolerance: of the normalised surface Dice; pixels or, with a spacing, millimetres.
  ///   - spacing: millimetres per pixel; nil measures in pixels.
  ///   - kept: what the frozen layers make of the image, where that is kept.
  /// - Returns: scores and lesions found, the sample's share of the polyp protocol and of the reliability curve.
  /// - Throws: an error that names the file.
  package func assess(
    _ sample: Sample, threshold: Double = 0.5, tolerance: Double, spacing: PixelSpacing? = nil,
    kept: FrozenFeatures? = nil
  ) throws -> ImageAssessment {
    let image = try reader.image(sample.image)
    let shape = Array(image.shape.dropFirst())
    let reference = try reader.mask(of: sample, imageSize: shape) ?? .zeros(shape, dtype: .bool)
    return try ImageAssessment(
      probability: ProbabilityMap(probability(image, kept: kept)), reference: BinaryMask(reference),
      threshold: threshold, tolerance: tolerance, spacing: spacing)
  }

  /// What the model draws on a sample and what the expert drew, at the sample's own size.
  ///
  /// - Parameters:
  ///   - sample: an image; without a mask the reference is empty.
  ///   - threshold: from which probability on a pixel is lesion.
  ///   - kept: what the frozen layers make of the image, where that is kept.
  /// - Returns: both masks.
  /// - Throws: an error that names the file.
  package func masks(
    _ sample: Sample, threshold: Double = 0.5, kept: FrozenFeatures? = nil
  ) throws -> (prediction: BinaryMask, reference: BinaryMask) {
    let image = try reader.image(sample.image)
    let shape = Array(image.shape.dropFirst())
    let reference = try reader.mask(of: sample, imageSize: shape) ?? .zeros(shape, dtype: .bool)
    let predicted = try probability(image, kept: kept).atLeast(threshold)
    return (try BinaryMask(predicted), try BinaryMask(reference))
  }
}

extension BinaryMask {
  /// Takes a bool tensor, H×W.
  package init(_ tensor: Tensor) throws {
    let sizes = try tensor.sizes(rank: 2, "the mask")
    try self.init(width: sizes[1], height: sizes[0], pixels: tensor.to(.uint8).array())
  }
}

extension BinaryMask {
  /// The mask as a picture of one channel, 0 and 255.
  package var image: Image {
    get throws { try Image(width: width, height: height, channels: 1, pixels: pixels.map { $0 * 255 }) }
  }
}

extension ProbabilityMap {
  /// Takes a tensor of probabilities, H×W.
  package init(_ tensor: Tensor) throws {
    let sizes = try tensor.sizes(rank: 2, "the probability map")
    try self.init(width: sizes[1], height: sizes[0], values: tensor.floats())
  }
}
