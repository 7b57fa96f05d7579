import Datasets
import Foundation
import Imaging
import Metrics
import Segmentation
import Storage
import Torch

/// Segments images with a trained run: what is scored, explained, shown and written is computed here alone.
///
/// An image is decoded and scaled by one policy and computed alone, so its mask depends neither on the images beside it
/// nor on what else is written. Several threads may share a predictor.
public final class Predictor: Sendable {
  /// The way in which image files become S×S pixels.
  public enum Decoding: String, Codable, Sendable, CaseIterable {
    /// The whole image is decoded and scaled, as in training.
    case whole
    /// A JPEG is decoded at 1/2, 1/4 or 1/8 where that leaves both sides at least S long: quicker, levels differ slightly.
    case reduced
  }

  /// The settings of the run.
  public let configuration: RunConfiguration
  /// How image files are decoded.
  public let decoding: Decoding
  /// Arithmetic of products and convolutions.
  public let precision: Precision
  /// The probability from which on a pixel is lesion.
  public let threshold: Double
  /// Tower, method and head.
  package let system: CompiledSystem
  let reader: SampleReader

  /// Takes a trained system.
  ///
  /// - Parameters:
  ///   - system: tower, method and head.
  ///   - configuration: its settings.
  ///   - precision: the arithmetic that the system computes in.
  ///   - decoding: how image files are decoded.
  ///   - threshold: the probability from which on a pixel is lesion.
  package init(
    _ system: CompiledSystem, _ configuration: RunConfiguration, precision: Precision,
    decoding: Decoding = .whole, threshold: Double = 0.5
  ) {
    self.system = system
    self.configuration = configuration
    self.precision = precision
    self.decoding = decoding
    self.threshold = threshold
    reader = configuration.reader
  }

  /// How it computes, in one line: every output names it.
  package var statement: String {
    "computing in \(precision.rawValue) on images decoded \(decoding == .whole ? "whole" : "at a reduced size")"
  }

  /// The name of the method in texts.
  package var methodLabel: String { system.method.label }

  /// The device that computes.
  public var device: Device { system.device }

  /// Lesion probability at the image's own size.
  ///
  /// - Parameter image: the file.
  /// - Returns: probabilities from 0 to 1, float32 H×W.
  /// - Throws: `ImagingError` that names the file, or `TorchError`.
  public func probability(of image: URL) throws -> Tensor {
    try read(image, keepingPicture: false).probability(self)
  }

  /// The lesion mask at the image's own size.
  ///
  /// - Parameter image: the file.
  /// - Returns: the mask.
  /// - Throws: `ImagingError` that names the file, or `TorchError`.
  public func mask(of image: URL) throws -> BinaryMask {
    try BinaryMask(probability(of: image).atLeast(threshold))
  }

  /// The lesion mask of an image in memory, at its own size; it is scaled whole.
  ///
  /// - Throws: `TorchError` when memory does not suffice.
  public func mask(of image: Image) throws -> BinaryMask {
    let picture = try image.rgb.tensor
    let input = Input(
      image: try reader.scaled(picture), height: image.height, width: image.width, picture: nil)
    return try BinaryMask(input.probability(self).atLeast(threshold))
  }

  /// Everything that one prediction tells about a sample, at the sample's own size.
  ///
  /// - Parameters:
  ///   - sample: an image; without a mask the reference is empty.
  ///   - tolerance: of the normalised surface Dice; pixels or, with a spacing, millimetres.
  ///   - spacing: millimetres per pixel; nil measures in pixels.
  ///   - cached: cached features of the frozen layers for the image, if any.
  /// - Returns: scores and lesions found, the sample's share of the polyp protocol and of the reliability curve.
  /// - Throws: an error that names the file.
  package func assess(
    _ sample: Sample, tolerance: Double, spacing: PixelSpacing? = nil, cached: FrozenFeatures? = nil
  ) throws -> ImageAssessment {
    let (probability, reference) = try predict(sample, cached: cached)
    return try ImageAssessment(
      probability: ProbabilityMap(probability), reference: BinaryMask(reference), threshold: threshold,
      tolerance: tolerance, spacing: spacing)
  }

  /// The predicted mask of a sample and its reference, at the sample's own size.
  ///
  /// - Parameters:
  ///   - sample: an image; without a mask the reference is empty.
  ///   - cached: cached features of the frozen layers for the image, if any.
  /// - Returns: both masks.
  /// - Throws: an error that names the file.
  package func masks(
    _ sample: Sample, cached: FrozenFeatures? = nil
  ) throws -> (prediction: BinaryMask, reference: BinaryMask) {
    let (probability, reference) = try predict(sample, cached: cached)
    return (try BinaryMask(probability.atLeast(threshold)), try BinaryMask(reference))
  }

  private func predict(
    _ sample: Sample, cached: FrozenFeatures?
  ) throws -> (probability: Tensor, reference: Tensor) {
    let input = try read(sample.image, keepingPicture: false)
    let shape = [input.height, input.width]
    let reference = try reader.mask(of: sample, imageSize: shape) ?? .zeros(shape, dtype: .bool)
    return (try input.probability(self, cached: cached), reference)
  }

  /// An image as the network reads it, and its own size.
  struct Input {
    /// uint8, 3×S×S.
    let image: Tensor
    let height: Int
    let width: Int
    /// The whole image, uint8 3×H×W, where it was asked for.
    let picture: Tensor?

    /// Lesion probability at the image's own size, float32 H×W.
    func probability(_ predictor: Predictor, cached: FrozenFeatures? = nil) throws -> Tensor {
      let pixels = try (image.to(.float32) / 255).expandedDimension(0)
      let small = try predictor.system.probabilities(pixels, cached: cached)
      return try small.resized(height: height, width: width).squeezed(0).squeezed(0)
    }
  }

  /// Reads a file by the predictor's policy.
  func read(_ file: URL, keepingPicture: Bool) throws -> Input {
    switch decoding {
    case .whole:
      let picture = try reader.image(file)
      return Input(
        image: try reader.scaled(picture), height: try picture.size(1), width: try picture.size(2),
        picture: keepingPicture ? picture : nil)
    case .reduced:
      let (image, height, width) = try reader.quick(file)
      return Input(
        image: image, height: height, width: width, picture: keepingPicture ? try reader.image(file) : nil)
    }
  }
}

extension Run {
  /// Makes a predictor with the weights that validation chose.
  ///
  /// - Parameters:
  ///   - device: where to compute, whatever the run was trained on.
  ///   - precision: arithmetic of products and convolutions; nil for the quickest one that leaves the run's validation Dice
  ///     as it is (`precision.json`), or where that was not measured the one it was trained in.
  ///   - decoding: how image files are decoded.
  ///   - threshold: the probability from which on a pixel is lesion.
  ///   - maxPixels: larger images are refused; nil for the run's own limit.
  /// - Returns: the predictor.
  /// - Throws: an error that names the file of the run that is missing or does not fit.
  public func predictor(
    device: Device = .cpu, precision: Precision? = nil, decoding: Predictor.Decoding = .whole,
    threshold: Double = 0.5, maxPixels: Int? = nil
  ) throws -> Predictor {
    var settings = configuration
    if let maxPixels { settings.maxPixels = maxPixels }
    // The choice was measured on the CPU.
    let measured = device == .cpu ? try PrecisionCheck.stored(in: folder)?.choice : nil
    let chosen = precision ?? measured ?? configuration.precision
    let system = try compiledSystem(on: device, for: chosen)
    return Predictor(system, settings, precision: chosen, decoding: decoding, threshold: threshold)
  }
}

extension BinaryMask {
  /// Takes a bool tensor, H×W.
  package init(_ tensor: Tensor) throws {
    let sizes = try tensor.sizes(rank: 2, "the mask")
    try self.init(width: sizes[1], height: sizes[0], pixels: tensor.to(.uint8).array())
  }

  /// Writes the mask as a one-bit PNG.
  ///
  /// - Throws: `FileError` that names the file.
  public func write(to url: URL) throws { try AtomicFile.write(image.bilevelPNGData(), to: url) }

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
