import Foundation
import Metrics
import Statistics
import Storage
import Torch

/// How far the predictions of a run can be trusted, measured on its source sites alone.
///
/// The file is `calibration.json`. No number of it depends on a held-out site, apart from the errors
/// of other runs in `folds`.
package struct Calibration: Codable, Sendable {
  /// The scores of a source site by what the other source sites say.
  package struct SiteScores: Codable, Equatable, Sendable {
    /// The left-out site.
    package let site: String
    /// The number of its validation images.
    package let images: Int
    /// The expected calibration error before.
    package let errorBefore: Double
    /// The expected calibration error with the scaling of the other sites.
    package let errorAfter: Double
    /// The Brier score before.
    package let brierBefore: Double
    /// The Brier score with the scaling of the other sites.
    package let brierAfter: Double
    /// The area under the risk-coverage curve of its pixels, by way.
    package let aurc: [String: Double]

    enum CodingKeys: String, CodingKey {
      case site, aurc
      case images = "n"
      case errorBefore = "ece_before"
      case errorAfter = "ece_after"
      case brierBefore = "brier_before"
      case brierAfter = "brier_after"
    }
  }

  /// Laplace's approximation of the head's last convolution.
  struct Laplace: Codable, Equatable, Sendable {
    /// The covariance of its weights and bias, row by row.
    let covariance: [[Double]]
    /// The scaling of the adjusted logits.
    let scaling: LogitScaling

    /// The approximation; nil if the covariance cannot be one.
    var approximation: LogisticLaplace? {
      guard !covariance.isEmpty, covariance.allSatisfy({ $0.count == covariance.count }) else { return nil }
      return try? LogisticLaplace(
        covariance: Tensor(covariance.flatMap { $0 }, shape: [covariance.count, covariance.count]))
    }
  }

  /// The hash of the model that it belongs to.
  let model: String
  /// The settings of inference of the measurement.
  let inference: InferenceConfiguration
  /// The arithmetic of the measurement.
  let precision: Precision
  /// The number of validation images.
  package let images: Int
  /// The scaling of logits.
  package let scaling: LogitScaling
  /// The way that ranks wrong pixels best.
  package let uncertainty: UncertaintyKind
  /// Laplace's approximation; nil for a method without the common head.
  let laplace: Laplace?
  /// The rule of the warning; nil if the method has no features to compare.
  let familiarity: Familiarity.Rule?
  /// The estimate of Dice.
  package let dice: DiceEstimator
  /// The errors of folds at the sites that they held out, which correct the estimate; nil without.
  package let folds: FoldErrors?
  /// The scores of each source site when it is left out.
  package let sites: [SiteScores]
  /// Sentences about the limits of the calibration.
  package let notes: [String]

  /// The key of the head's last convolution among the run's weights.
  private static let lastLayer = "model.head.classifier.weight"

  /// Reads the calibration of a run; nil if there is none.
  ///
  /// - Throws: `CalibrationError` that names the file if it is damaged or of another model.
  package static func stored(in run: RunFolder) throws -> Calibration? {
    let file = run.calibrationFile
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let found: Calibration
    do {
      found = try JSONDecoder().decode(Calibration.self, from: Data(file: file, limit: Data.documentLimit))
    } catch  where !(error is FileError) {
      throw CalibrationError.damaged(file)
    }
    let hasScalings = found.scaling.isUsable && found.laplace?.scaling.isUsable ?? true
    guard hasScalings, found.dice.isUsable, found.familiarity?.isUsable ?? true,
      found.folds?.isUsable ?? true
    else {
      throw CalibrationError.damaged(file)
    }
    guard try found.model == run.modelHash() else {
      throw CalibrationError.otherModel(file, weights: run.weightsFile)
    }
    if let laplace = found.laplace {
      // The size comes first: the time of the approximation grows with its third power.
      guard let last = try SafetensorsFile(run.weightsFile).tensor(Self.lastLayer), last.rank == 4,
        last.shape[1] + 1 == laplace.covariance.count, laplace.approximation != nil
      else { throw CalibrationError.damaged(file) }
    }
    return found
  }

  /// Whether other settings of inference give the same passes as those of the measurement.
  func hasSamePasses(as other: InferenceConfiguration) -> Bool {
    (inference.flips, inference.turns, inference.scales) == (other.flips, other.turns, other.scales)
  }

  /// Returns the expected Dice of one image, corrected by the folds.
  func expectedDice(_ cues: DiceCues) -> Double {
    let own = dice.image(cues)
    return folds.map { $0.image(own) } ?? own
  }

  /// Estimates the mean Dice of images, corrected by the folds.
  ///
  /// - Parameter cues: the cues of each image, at least one.
  /// - Returns: the estimate, and the mean before the correction; nil without folds.
  func expectedDice(ofSite cues: [DiceCues]) -> (estimate: DiceEstimator.Estimate, uncorrected: Double?) {
    let own = dice.mean(cues)
    guard let folds else { return (own, nil) }
    return (folds.site(own), own.dice)
  }

  /// The rule of the warning in plain values, for tables.
  package struct Warning: Sendable {
    /// The distances, such as `mahalanobis over dense`.
    package let name: String
    /// The AUROC of the chosen candidate.
    package let auroc: Double?
    /// The share of source images that is not warned of.
    package let quantile: Double
  }

  /// The rule of the warning; nil if the method has no features to compare.
  package var warning: Warning? {
    familiarity.map {
      Warning(name: $0.name, auroc: $0.auroc[$0.name], quantile: $0.quantile)
    }
  }
}

extension Predictor {
  /// A sentence if the calibration was measured with other settings than those of this predictor.
  package var calibrationNote: String? {
    guard let calibration = certainty?.calibration else { return nil }
    guard calibration.hasSamePasses(as: inference), calibration.inference.rule == rule else {
      return "the run was calibrated with other flips, turns, scales or rule of masks, so expected Dice and "
        + "uncertainty are rough here"
    }
    return nil
  }
}

extension RunFolder {
  /// The file of the calibration.
  package var calibrationFile: URL { url.appendingPathComponent("calibration.json") }
  /// The file of the features of known images.
  package var familiarityFile: URL { url.appendingPathComponent("familiarity.safetensors") }

  /// The files of the weights that predict.
  ///
  /// - Throws: `EnsembleError.unreadable` if the members of an ensemble cannot be read.
  func modelFiles() throws -> [URL] {
    guard let ensemble = try ensemble(), ensemble.average == .outputs else { return [weightsFile] }
    return ensemble.members.map { member($0).weightsFile }
  }

  /// Returns a hash of the stored weights, which a calibration belongs to.
  ///
  /// It covers names and shapes of all tensors and the values after the image tower. These change
  /// with every training step, and the tower may be large.
  ///
  /// - Throws: `RunError.noWeights`, or an error that names the file.
  package func modelHash() throws -> String {
    var hash = ContentHash()
    for file in try modelFiles() {
      guard FileManager.default.fileExists(atPath: file.path) else { throw RunError.noWeights(file) }
      let tensors = try SafetensorsFile(file).tensors()
      hash.combine(try ContentHash(of: tensors.filter { !$0.key.hasPrefix("tower.") }))
      for (key, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
        hash.combine("\(key) \(tensor.shape)")
      }
    }
    return hash.text
  }
}
