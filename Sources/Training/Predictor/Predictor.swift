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
  /// The tower, the method and the head; of an ensemble of outputs, those of the first member.
  package let system: CompiledSystem
  /// The further members of an ensemble of outputs; empty for a single model.
  let others: [CompiledSystem]
  /// Whether all members read the features of the first one's tower.
  let sharesTower: Bool
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
  ///   - others: the further members of an ensemble, whose probabilities are averaged with those of the system.
  ///   - sharesTower: whether all members read the features of the system's tower.
  ///   - certainty: the calibration; it changes no probability and no mask.
  package init(
    _ system: CompiledSystem, _ configuration: RunConfiguration, precision: Precision,
    decoding: Decoding = .whole, threshold: MaskThreshold? = nil, others: [CompiledSystem] = [],
    sharesTower: Bool = false, certainty: CertaintyModel? = nil
  ) {
    self.system = system
    self.certainty = certainty
    (self.others, self.sharesTower) = (others, sharesTower)
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

  /// The whole rule of masks: the threshold, the smallest lesion and the holes.
  package var rule: MaskRule { inference.rule }

  /// The settings of the computation in one line, for every output.
  ///
  /// The mean and the rule of lesion pixels are in it if they are not the defaults.
  package var statement: String {
    ([singlePass, membersText, configuration.inference.mean].compactMap { $0 } + marking).joined(
      separator: "; ")
  }

  /// The settings of one pass in one line, for outputs that look once at S×S.
  package var singlePassStatement: String {
    ([singlePass] + marking).joined(separator: "; ")
  }

  /// The rule of masks in words, as far as it differs from the default.
  private var marking: [String] {
    (threshold == 0.5 ? [] : ["lesion from \(threshold.rule)"]) + rule.cleaning
  }

  private var singlePass: String {
    "computing in \(precision.rawValue) on images decoded \(decoding.text)"
  }

  /// The number of models whose probabilities are averaged; 1 unless the run is an ensemble of outputs.
  package var memberCount: Int { others.count + 1 }

  private var membersText: String? { others.isEmpty ? nil : "mean of \(memberCount) models" }

  /// The name of the method in texts; of an ensemble, of all methods.
  package var methodLabel: String {
    let names = models.map(\.method.label)
    let different = names.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    return different.joined(separator: " + ") + (membersText.map { " (\($0))" } ?? "")
  }

  /// The device of the computation.
  public var device: Device { system.device }

  /// Computes the lesion probability at the image's own size.
  ///
  /// - Parameter image: the file.
  /// - Returns: probabilities from 0 to 1, float32 H×W, with several classes K×H×W.
  /// - Throws: `ImagingError` that names the file, or `TorchError`.
  public func probability(of image: URL) throws -> Tensor {
    try look(at: image, keepingPicture: false).probability(self)
  }

  /// Computes the lesion mask at the image's own size.
  ///
  /// - Parameter image: the file.
  /// - Returns: the mask.
  /// - Throws: `ImagingError` that names the file, `ClassError.several` for a run of several classes,
  ///   or `TorchError`.
  public func mask(of image: URL) throws -> BinaryMask {
    try requireOneMask()
    return try BinaryMask(rule.mask(probability(of: image)))
  }

  /// Computes the mask of each class at the image's own size.
  ///
  /// - Parameter image: the file.
  /// - Returns: the masks in the order of the setting `classes`; one for a run without classes.
  /// - Throws: `ImagingError` that names the file, or `TorchError`.
  public func masks(of image: URL) throws -> [BinaryMask] {
    try rule.mask(probability(of: image)).maskOfEachClass().map { try BinaryMask($0) }
  }

  /// Computes the lesion mask of an image in memory, scaled whole, at its own size.
  ///
  /// - Parameter image: the image.
  /// - Returns: the mask.
  /// - Throws: `ClassError.several` for a run of several classes, `TorchError` if memory is short.
  public func mask(of image: Image) throws -> BinaryMask {
    try requireOneMask()
    let picture = try image.rgb.tensor
    let seen = Seen(
      squares: try reader.squares(picture, sizes: sides), height: image.height, width: image.width,
      picture: nil)
    return try BinaryMask(rule.mask(seen.probability(self)))
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
  /// - Throws: an error that names the file, or `ClassError.several` for a run of several classes.
  package func assess(
    _ sample: Sample, tolerance: Double, spacing: PixelSpacing? = nil, cached: FrozenFeatures? = nil
  ) throws -> ImageAssessment {
    try requireOneMask()
    return try assessClasses(sample, tolerance: tolerance, spacing: spacing, cached: cached)[0]
  }

  /// Computes all results of one prediction for each class of a sample, at the sample's own size.
  ///
  /// The parameters are those of `assess`.
  ///
  /// - Returns: the results in the order of the setting `classes`; one for a run without classes.
  /// - Throws: an error that names the file.
  package func assessClasses(
    _ sample: Sample, tolerance: Double, spacing: PixelSpacing? = nil, cached: FrozenFeatures? = nil
  ) throws -> [ImageAssessment] {
    let (probability, reference) = try predict(sample, cached: cached)
    return try zip(probability.maskOfEachClass(), reference.maskOfEachClass()).map {
      try ImageAssessment(
        probability: ProbabilityMap($0), reference: BinaryMask($1), rule: rule,
        tolerance: tolerance, spacing: spacing)
    }
  }

  /// Computes the predicted mask of a sample and its reference, at the sample's own size.
  ///
  /// - Parameters:
  ///   - sample: an image. Without a mask the reference is empty.
  ///   - name: one of several classes; nil for all of them in one mask.
  ///   - cached: cached features of the frozen layers for the image as it is at S×S, if any.
  /// - Returns: both masks.
  /// - Throws: an error that names the file.
  package func masks(
    _ sample: Sample, ofClass name: String? = nil, cached: FrozenFeatures? = nil
  ) throws -> (prediction: BinaryMask, reference: BinaryMask) {
    let (probability, reference) = try predict(sample, cached: cached)
    let place =
      configuration.segmentsClasses ? name.flatMap { configuration.classes.firstIndex(of: $0) } : nil
    func mask(_ all: Tensor) throws -> BinaryMask {
      try BinaryMask(place.map { try all.selected(dim: 0, index: $0) } ?? all.anyClass())
    }
    return (try mask(rule.mask(probability)), try mask(reference))
  }

  private func requireOneMask() throws {
    guard !configuration.segmentsClasses else { throw ClassError.several(configuration.classes) }
  }

  /// Computes the probabilities of a sample and its reference, at the sample's own size.
  func predict(
    _ sample: Sample, cached: FrozenFeatures?
  ) throws -> (probability: Tensor, reference: Tensor) {
    let seen = try look(at: sample.image, keepingPicture: false)
    let shape = [seen.height, seen.width]
    let reference = try reader.mask(of: sample, imageSize: shape) ?? reader.emptyMask(shape)
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
    // The choice was measured on the CPU. A stated arithmetic needs none, nor a file that can be read.
    let measured = precision == nil && device == .cpu ? try measuredPrecision() : nil
    let chosen = precision ?? measured ?? configuration.precision
    let (systems, shareTower) = try compiledSystems(on: device, for: chosen)
    return Predictor(
      systems[0], settings, precision: chosen, decoding: decoding, threshold: threshold,
      others: Array(systems.dropFirst()), sharesTower: shareTower,
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
