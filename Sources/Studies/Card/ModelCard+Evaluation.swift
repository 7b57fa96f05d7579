import Foundation
import Metrics
import Statistics
import Storage
import Training

extension ModelCard {
  /// The scores of the model at a site.
  package struct Evaluation: Encodable, Equatable, Sendable {
    /// The site.
    package let site: String
    /// The part of the site in the training, in words.
    package let role: String
    /// Whether the site is new to the model, which was trained on none of its images.
    package let isUnseen: Bool
    /// Whether they are images on which the epoch was chosen.
    let isOfValidation: Bool
    /// The number of images; with several classes, an image counts once for each.
    package let count: Int
    /// The number of images with a lesion.
    package let countWithLesion: Int
    /// The number of classes with a mask of their own.
    package let classCount: Int
    /// The number of patients or sequences; nil without the table of the images.
    @Nullable package private(set) var groups: Int?
    /// Mean Dice with its interval; nil over no image.
    @Nullable package private(set) var dice: Interval?
    /// Mean Dice over the images with a lesion; nil without any.
    @Nullable package private(set) var diceWithLesion: Interval?
    /// Mean IoU; nil over no image.
    @Nullable package private(set) var iou: Interval?
    /// Mean 95th percentile Hausdorff distance over images with a lesion and a mark; nil without any.
    @Nullable package private(set) var hd95: Interval?
    /// The unit of distances.
    package let unit: String
    /// The lesions found and missed, and the false marks.
    package let detection: LesionDetection.Summary
    /// The expected calibration error of the pixels; nil if not stored.
    @Nullable package private(set) var calibrationError: Double?
    /// The Brier score of the pixels; nil if not stored.
    @Nullable package private(set) var brier: Double?
    /// Predictors that ignore the image.
    package let trivial: [Trivial]
    /// Dice by lesion class, lesion size and empty reference; empty without the table of the images.
    package let strata: [Stratum]
    /// How the masks were computed, in words.
    package let prediction: String
    /// Whether they were computed with the run's own settings of inference; nil if not stored.
    @Nullable package private(set) var usesOwnInference: Bool?
    /// The seed of the scored run.
    package let seed: UInt64
    /// Sentences about the predictions that a mean score hides.
    package let findings: [String]
    /// What a calibrated run expected; nil without a calibration.
    @Nullable package private(set) var certainty: Expectation?

    enum CodingKeys: String, CodingKey {
      case site, role, groups, dice, iou, hd95, unit, detection, brier, trivial, strata, prediction, seed
      case findings, certainty
      case isUnseen = "unseen"
      case count = "n"
      case countWithLesion = "n_with_lesion"
      case classCount = "n_classes"
      case diceWithLesion = "dice_with_lesion"
      case calibrationError = "ece"
      case usesOwnInference = "own_inference"
    }

    /// Reads the evaluation of a site, with its table of images if there is one.
    ///
    /// - Parameters:
    ///   - file: the `evaluation-SITE.json`.
    ///   - configuration: the settings of the run.
    /// - Throws: `FileError` that names the damaged file.
    init(_ file: URL, _ configuration: RunConfiguration) throws {
      let stored = try StoredEvaluation(contentsOf: file)
      let csv = file.deletingPathExtension().appendingPathExtension("csv")
      let table =
        FileSystem.kind(of: csv) == nil ? nil : try CardTable(csv, of: stored.model)
      /// The mean with its interval, or alone where no table gives one.
      func mean(_ metric: Metric, withLesion: Bool = false) throws -> Interval? {
        guard let table else {
          let all = withLesion ? stored.model.metricsWithLesion : stored.model.metrics
          return all[metric]?.mean.map {
            Interval(value: $0, withoutInterval: "\(csv.lastPathComponent) is not there")
          }
        }
        return try table.mean(metric) { !withLesion || table.hasLesion($0) }
      }
      site = stored.site
      let part = stored.part(in: configuration)
      (role, isUnseen) = (part.text, part.isNew)
      isOfValidation = stored.isOfValidation
      (count, countWithLesion) = (stored.model.count, stored.model.countWithLesion)
      classCount = stored.classCount
      unit = (stored.model.distanceUnit ?? .pixels).rawValue
      detection = stored.model.detection
      trivial = TrivialPredictor.allCases.compactMap { predictor in
        stored.trivial[predictor.rawValue].map {
          Trivial(
            name: predictor.rawValue, dice: $0.metrics[.dice]?.mean, diceWithLesion: $0.meanDiceWithLesion)
        }
      }
      strata = try table?.strata() ?? []
      prediction = [
        stored.inference.map { $0.mean ?? "one pass" }, stored.precision?.rawValue,
        stored.decoding.map { "images decoded \($0.text)" }, "lesion from \(stored.threshold.rule)",
      ].compactMap { $0 }.joined(separator: "; ")
      seed = stored.seed
      findings = stored.findings
      groups = table?.groupCount
      dice = try mean(.dice)
      diceWithLesion = try mean(.dice, withLesion: true)
      iou = try mean(.iou)
      hd95 = try mean(.hd95, withLesion: true)
      calibrationError = stored.calibration?.expectedCalibrationError
      brier = stored.calibration?.brier
      certainty = stored.certainty.map(Expectation.init)
      usesOwnInference = stored.inference.map { $0 == configuration.inference }
    }
  }

  /// What a calibrated run expected at a site without its masks.
  package struct Expectation: Encodable, Equatable, Sendable {
    /// The expected mean Dice; nil if it was not estimated.
    @Nullable package private(set) var dice: Double?
    /// The true mean Dice minus the expected one; nil if it was not estimated.
    @Nullable package private(set) var error: Double?
    /// The number of images that are unlike every training site; nil if they were not looked for.
    @Nullable package private(set) var unfamiliar: Int?
    /// The expected calibration error of the pixels after calibration; nil if not stored.
    @Nullable package private(set) var calibrationError: Double?

    enum CodingKeys: String, CodingKey {
      case dice, error, unfamiliar
      case calibrationError = "ece_after"
    }

    init(_ stored: StoredEvaluation.Certainty) {
      dice = stored.expected?.dice
      error = stored.error
      unfamiliar = stored.unfamiliar
      calibrationError = stored.calibrated?.expectedCalibrationError
    }
  }

  /// Dice on the images of one class, size or kind of reference.
  package struct Stratum: Encodable, Equatable, Sendable {
    /// The property and its value, such as `size: small`.
    package let name: String
    /// The number of images.
    package let count: Int
    /// The number of patients or sequences.
    package let groups: Int
    /// Mean Dice with its interval.
    package let dice: Interval

    enum CodingKeys: String, CodingKey {
      case name, groups, dice
      case count = "n"
    }
  }
}
