import Datasets
import Foundation
import Imaging
import Metrics
import Segmentation
import Storage
import Torch

/// A trained run that segments images.
///
/// All scored, explained, shown and written predictions come from this type.
///
/// A prediction is the mean over the views and scales of `RunConfiguration.inference`.
///
/// Each image is decoded and scaled by one policy and computed alone. So its mask depends neither
/// on other images nor on other outputs. Several threads may share a predictor.
public final class Predictor: Sendable {
  /// The method that converts image files to S×S pixels.
  public enum Decoding: String, Codable, Sendable, CaseIterable {
    /// The whole image is decoded and scaled, as in training.
    case whole
    /// A JPEG is decoded at 1/2, 1/4 or 1/8 if both sides then have at least S pixels.
    ///
    /// This is faster, but levels differ slightly.
    case reduced

    /// The decoding in words, after "images decoded".
    package var text: String { self == .whole ? "whole" : "at a reduced size" }
  }

  /// The settings of the run.
  public let configuration: RunConfiguration
  /// The decoding of image files.
  public let decoding: Decoding
  /// The arithmetic of products and convolutions.
  public let precision: Precision
  /// The rule of lesion pixels.
  public let threshold: MaskThreshold
  /// The tower, the method and the head.
  package let system: CompiledSystem
  /// The calibration of the run; nil if it has none, or if it was left out.
  package let certainty: CertaintyModel?
  let reader: SampleReader
  /// The side of the input of each scale.
  let sides: [Int]

  /// Makes a predictor from a trained system.
  ///
  /// - Parameters:
  ///   - system: the tower, the method and the head.
  ///   - configuration: its settings.
  ///   - precision: the arithmetic of the system.
  ///   - decoding: the decoding of image files.
  ///   - threshold: the rule of lesion pixels; nil for the settings' own.
  ///   - certainty: the calibration; it changes no probability and no mask.
  package init(
    _ system: CompiledSystem, _ configuration: RunConfiguration, precision: Precision,
    decoding: Decoding = .whole, threshold: MaskThreshold? = nil, certainty: CertaintyModel? = nil
  ) {
    self.system = system
    self.certainty = certainty
    self.configuration = configuration
    self.precision = precision
    self.decoding = decoding
    self.threshold = threshold ?? configuration.inference.threshold
    reader = configuration.reader
    sides = configuration.inference.sides(configuration.imageSize)
  }

  /// The settings of inference, with the predictor's own rule of lesion pixels.
  package var inference: InferenceConfiguration {
    var settings = configuration.inference
    settings.threshold = threshold
    return settings
  }

  /// The settings of the computation in one line, for every output.
  ///
  /// The mean and the rule of lesion pixels are in it if they are not the defaults.
  package var statement: String {
    [singlePass, configuration.inference.mean, threshold == 0.5 ? nil : "lesion from \(threshold.rule)"]
      .compactMap { $0 }.joined(separator: "; ")
  }

  /// The settings of one pass in one line, for outputs that look once at S×S.
  package var singlePassStatement: String {
    [singlePass, threshold == 0.5 ? nil : "lesion from \(threshold.rule)"].compactMap { $0 }
      .joined(separator: "; ")
  }

  private var singlePass: String {
    "computing in \(precision.rawValue) on images decoded \(decoding.text)"
  }

  /// The name of the method in texts.
  package var methodLabel: String { system.method.label }

  /// The device of the computation.
  public var device: Device { system.device }

  /// Computes the lesion probability at the image's own size.
  ///
  /// - Parameter image: the file.
  /// - Returns: probabilities from 0 to 1, float32 H×W.
  /// - Throws: `ImagingError` that names the file, or `TorchError`.
  public func probability(of image: URL) throws -> Tensor {
    try look(at: image, keepingPicture: false).probability(self)
  }

  /// Computes the lesion mask at the image's own size.
  ///
  /// - Parameter image: the file.
  /// - Returns: the mask.
  /// - Throws: `ImagingError` that names the file, or `TorchError`.
  public func mask(of image: URL) throws -> BinaryMask {
    try BinaryMask(threshold.mask(probability(of: image)))
  }

  /// Computes the lesion mask of an image in memory, scaled whole, at its own size.
  ///
  /// - Parameter image: the image.
  /// - Returns: the mask.
  /// - Throws: `TorchError` if memory is short.
  public func mask(of image: Image) throws -> BinaryMask {
    let picture = try image.rgb.tensor
    let seen = Seen(
      squares: try reader.squares(picture, sizes: sides), height: image.height, width: image.width,
      picture: nil)
    return try BinaryMask(threshold.mask(seen.probability(self)))
  }

  /// Computes all results of one prediction for a sample, at the sample's own size.
  ///
  /// - Parameters:
  ///   - sample: an image. Without a mask the reference is empty.
  ///   - tolerance: the tolerance of the normalised surface Dice, in pixels or, with a spacing,
  ///     millimetres.
  ///   - spacing: millimetres per pixel; nil measures in pixels.
  ///   - cached: cached features of the frozen layers for the image as it is at S×S, if any.
  /// - Returns: scores, found lesions, and the sample's part of the polyp protocol and of the
  ///   reliability curve.
  /// - Throws: an error that names the file.
  package func assess(
    _ sample: Sample, tolerance: Double, spacing: PixelSpacing? = nil, cached: FrozenFeatures? = nil
  ) throws -> ImageAssessment {
    let (probability, reference) = try predict(sample, cached: cached)
    return try ImageAssessment(
      probability: ProbabilityMap(probability), reference: BinaryMask(reference), threshold: threshold,
      tolerance: tolerance, spacing: spacing)
  }

  /// Computes the predicted mask of a sample and its reference, at the sample's own size.
  ///
  /// - Parameters:
  ///   - sample: an image. Without a mask the reference is empty.
  ///   - cached: cached features of the frozen layers for the image as it is at S×S, if any.
  /// - Returns: both masks.
  /// - Throws: an error that names the file.
  package func masks(
    _ sample: Sample, cached: FrozenFeatures? = nil
  ) throws -> (prediction: BinaryMask, reference: BinaryMask) {
    let (probability, reference) = try predict(sample, cached: cached)
    return (try BinaryMask(threshold.mask(probability)), try BinaryMask(reference))
  }

  private func predict(
    _ sample: Sample, cached: FrozenFeatures?
  ) throws -> (probability: Tensor, reference: Tensor) {
    let seen = try look(at: sample.image, keepingPicture: false)
    let shape = [seen.height, seen.width]
    let reference = try reader.mask(of: sample, imageSize: shape) ?? .zeros(shape, dtype: .bool)
    return (try seen.probability(self, cached: cached), reference)
  }
}

extension Run {
  /// Makes a predictor with the run's stored weights.
  ///
  /// - Parameters:
  ///   - device: the device of the computation, which need not be that of the training.
  ///   - precision: the arithmetic of products and convolutions. Nil for the fastest one that keeps
  ///     the run's validation Dice (`precision.json`), or if that was not measured, the one of the
  ///     training.
  ///   - decoding: the decoding of image files.
  ///   - threshold: the rule of lesion pixels; nil for the run's own, `inference.threshold`.
  ///   - maxPixels: the most pixels; larger images are rejected. Nil for the run's own limit.
  ///   - usesCalibration: whether the calibration of the run, if it has one, says how sure predictions
  ///     are. It changes no probability and no mask.
  /// - Returns: the predictor.
  /// - Throws: an error that names the file of the run that is missing or does not fit.
  public func predictor(
    device: Device = .cpu, precision: Precision? = nil, decoding: Predictor.Decoding = .whole,
    threshold: MaskThreshold? = nil, maxPixels: Int? = nil, usesCalibration: Bool = true
  ) throws -> Predictor {
    var settings = configuration
    if let maxPixels { settings.maxPixels = maxPixels }
    // The choice was measured on the CPU.
    let measured = device == .cpu ? try PrecisionCheck.stored(in: folder)?.choice : nil
    let chosen = precision ?? measured ?? configuration.precision
    let system = try compiledSystem(on: device, for: chosen)
    return Predictor(
      system, settings, precision: chosen, decoding: decoding, threshold: threshold,
      certainty: usesCalibration ? try CertaintyModel.stored(in: folder) : nil)
  }
}

extension BinaryMask {
  /// Makes a mask from a bool tensor, H×W.
  package init(_ tensor: Tensor) throws {
    let sizes = try tensor.sizes(rank: 2, "the mask")
    try self.init(width: sizes[1], height: sizes[0], pixels: tensor.to(.uint8).array())
  }

  /// Writes the mask as a one-bit PNG.
  ///
  /// - Parameter url: the file.
  /// - Throws: `FileError` that names the file.
  public func write(to url: URL) throws { try AtomicFile.write(image.bilevelPNGData(), to: url) }

  /// The mask as an image of one channel, 0 and 255.
  package var image: Image {
    get throws { try Image(width: width, height: height, channels: 1, pixels: pixels.map { $0 * 255 }) }
  }
}

extension ProbabilityMap {
  /// Makes a map from a tensor of probabilities, H×W.
  package init(_ tensor: Tensor) throws {
    let sizes = try tensor.sizes(rank: 2, "the probability map")
    try self.init(width: sizes[1], height: sizes[0], values: tensor.floats())
  }
}
