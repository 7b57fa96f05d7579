import Foundation
import Metrics
import Storage
import Torch

/// The scores of a run at a site as its folder holds them: `evaluation-SITE.json`, read again.
package struct StoredEvaluation: Decodable, Equatable, Sendable {
  /// The site.
  package let site: String
  /// The method's name.
  package let method: String
  /// The run's seed.
  package let seed: UInt64
  /// The rule of lesion pixels.
  package let threshold: MaskThreshold
  /// The settings of inference; nil in a file of an earlier version.
  package let inference: InferenceConfiguration?
  /// The arithmetic of the predictions; nil in a file of an earlier version.
  package let precision: Precision?
  /// The decoding of image files; nil in a file of an earlier version.
  package let decoding: Predictor.Decoding?
  /// Whether the run was trained on none of the images.
  package let heldOut: Bool
  /// The number of images that the run was trained on; nil in a file of an earlier version.
  package let trainedCount: Int?
  /// Whether only the name of the site is that of a training site.
  package let isNamesake: Bool
  /// The summary of the images' scores.
  package let model: ScoreSummary
  /// The agreement of probabilities and references; nil in a file of an earlier version.
  package let calibration: Reliability.Summary?
  /// The summaries of predictors that ignore the image, by name.
  package let trivial: [String: ScoreSummary]
  /// Sentences about the predictions that a mean score hides.
  package let findings: [String]
  /// How well the run said how sure it is; nil without a calibration of the run.
  package let certainty: Certainty?
  /// The role of the images in the training in one word, such as `validation`; nil if not stored.
  private let role: String?
  /// The number of classes with a mask of their own; an image counts once for each in `model`.
  package let classCount: Int

  /// What a calibrated run expected at the site, and what it found.
  package struct Certainty: Decodable, Equatable, Sendable {
    /// The hash of the calibrated model; nil in a file of an earlier version.
    let model: String?
    /// The agreement of calibrated probabilities and references.
    package let calibrated: Reliability.Summary?
    /// The mean Dice that was expected without the masks.
    package let expected: Expected?
    /// The same before a correction by folds; nil without one.
    package let uncorrected: Double?
    /// The true mean Dice minus the expected one.
    package let error: Double?
    /// The number of images that are unlike every training site.
    package let unfamiliar: Int?

    /// An expected mean Dice.
    package struct Expected: Decodable, Equatable, Sendable {
      /// The mean.
      package let dice: Double
    }
  }

  private enum CodingKeys: String, CodingKey {
    case site, method, seed, threshold, inference, precision, decoding, model, calibration, trivial, findings
    case certainty, role, classes
    case heldOut = "held_out"
    case trainedCount = "n_trained_on"
    case isNamesake = "namesake"
  }

  /// Reads an evaluation; one of an earlier version lacks some parts.
  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    site = try values.decode(String.self, forKey: .site)
    method = try values.decode(String.self, forKey: .method)
    seed = try values.decode(UInt64.self, forKey: .seed)
    threshold = try values.decode(MaskThreshold.self, forKey: .threshold)
    inference = try values.decodeIfPresent(JSONValue.self, forKey: .inference).map(Self.inference)
    precision = try values.decodeIfPresent(Precision.self, forKey: .precision)
    decoding = try values.decodeIfPresent(Predictor.Decoding.self, forKey: .decoding)
    heldOut = try values.decode(Bool.self, forKey: .heldOut)
    trainedCount = try values.decodeIfPresent(Int.self, forKey: .trainedCount)
    isNamesake = try values.decodeIfPresent(Bool.self, forKey: .isNamesake) ?? false
    model = try values.decode(ScoreSummary.self, forKey: .model)
    calibration = try values.decodeIfPresent(Reliability.Summary.self, forKey: .calibration)
    trivial = try values.decodeIfPresent([String: ScoreSummary].self, forKey: .trivial) ?? [:]
    findings = try values.decodeIfPresent([String].self, forKey: .findings) ?? []
    certainty = try values.decodeIfPresent(Certainty.self, forKey: .certainty)
    role = try values.decodeIfPresent(String.self, forKey: .role)
    classCount = max(1, try values.decodeIfPresent([JSONValue].self, forKey: .classes)?.count ?? 1)
  }

  /// The number of images.
  package var imageCount: Int { model.count / classCount }

  /// Completes the settings of an earlier version, which had no others than the defaults.
  private static func inference(_ stored: JSONValue) throws -> InferenceConfiguration {
    let defaults = try JSONValue(encoding: InferenceConfiguration()).members ?? [:]
    guard let members = stored.members else { return try stored.decoded(as: InferenceConfiguration.self) }
    return try JSONValue.object(defaults.merging(members) { $1 }).decoded(as: InferenceConfiguration.self)
  }

  /// Whether the images are those on which the epoch was chosen.
  package var isOfValidation: Bool { role == "validation" }

  /// The part of the site in the training, in words, and whether the site is new to the model.
  package typealias Part = (text: String, isNew: Bool)

  /// Returns the part of the site in the training of a run.
  ///
  /// - Parameter configuration: the settings of the run.
  /// - Returns: the part.
  package func part(in configuration: RunConfiguration) -> Part {
    switch role {
    case "validation": return ("validation images of a site that was trained on", false)
    case "test-list": return ("test list", heldOut && !configuration.sources.contains(site))
    default: break
    }
    if heldOut {
      let role: SiteRole = isNamesake ? .namesake : site == configuration.holdOut ? .heldOut : .unseen
      return (role.text, true)
    }
    guard let trainedCount, trainedCount < imageCount else { return (SiteRole.source.text, false) }
    return (SiteRole.partly(trained: trainedCount, of: imageCount).text, false)
  }

  /// Reads a file.
  ///
  /// - Parameter file: an `evaluation-SITE.json`.
  /// - Throws: `FileError` that names the file.
  package init(contentsOf file: URL) throws {
    let data = try Data(file: file, limit: Data.documentLimit)
    do { self = try JSONDecoder().decode(StoredEvaluation.self, from: data) } catch {
      throw FileError.malformed(
        file,
        reason: "is not the evaluation of a run: \(explanation(of: error)); evaluate again, or delete it")
    }
    let overlaps = [model.metrics, model.metricsWithLesion].flatMap { [$0[.dice]?.mean, $0[.iou]?.mean] }
    if let wrong = overlaps.compactMap({ $0 }).first(where: { !(0...1).contains($0) }) {
      throw FileError.malformed(
        file, reason: "has a mean overlap of \(wrong), which is not from 0 to 1; evaluate again")
    }
  }
}

extension RunFolder {
  /// Lists the files of all evaluations, in the order of their names.
  ///
  /// - Throws: `FileError` that names the folder.
  package func evaluationFiles() throws -> [URL] {
    try FileSystem.contents(of: url).filter {
      let name = $0.lastPathComponent
      return name.hasPrefix("evaluation-") && name.hasSuffix(".json") && FileSystem.kind(of: $0) == .file
    }
  }
}
