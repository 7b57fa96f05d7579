import Datasets
import Foundation
import Metrics
import Storage
import Torch

/// The scores of the stored weights on the validation images, beside predictors that ignore the
/// image.
///
/// The file is `validation.json`. All scores are at the network's size, threshold 0.5.
package struct ValidationReport: Codable, Equatable, Sendable {
  /// The epoch after which the weights were stored, counted from 1.
  package let epoch: Int
  /// The score of the validation images that chooses.
  package let selection: EpochSelection
  /// The scores of the model.
  ///
  /// With several classes, an image counts once for each class.
  package let model: OverlapSummary
  /// The scores of each class; nil for one class.
  package let classes: [ClassScores]?
  /// The scores of predictors that ignore the image, by name.
  package let trivial: [String: OverlapSummary]

  /// The scores of one of several classes.
  package struct ClassScores: Codable, Equatable, Sendable {
    /// The name of the class.
    package let name: String
    /// The scores of the model.
    package let model: OverlapSummary

    enum CodingKeys: String, CodingKey {
      case model
      case name = "class"
    }
  }

  /// Makes a report from its parts.
  package init(
    epoch: Int, selection: EpochSelection, model: OverlapSummary, classes: [ClassScores]? = nil,
    trivial: [String: OverlapSummary]
  ) {
    (self.epoch, self.selection, self.model) = (epoch, selection, model)
    (self.classes, self.trivial) = (classes, trivial)
  }

  /// Summarises the chosen epoch; nil without images.
  ///
  /// - Parameters:
  ///   - epoch: the epoch, counted from 1.
  ///   - configuration: the settings of the run.
  ///   - counts: for each class, one table for each image.
  ///   - trivial: the scores of predictors that ignore the image, by name.
  init?(
    epoch: Int, _ configuration: RunConfiguration, _ counts: [[OverlapCounts]],
    trivial: [String: OverlapSummary]
  ) {
    guard let model = OverlapSummary(of: counts.flatMap { $0 }) else { return nil }
    let classes = zip(configuration.classes, counts).compactMap { name, counts in
      OverlapSummary(of: counts).map { ClassScores(name: name, model: $0) }
    }
    self.init(
      epoch: epoch, selection: configuration.selection, model: model,
      classes: configuration.segmentsClasses ? classes : nil, trivial: trivial)
  }

  /// Scores the predictors that ignore the image.
  ///
  /// - Parameters:
  ///   - bank: the validation images.
  ///   - meanMask: the mean of the training masks, S×S, or K×S×S.
  ///   - batchSize: the number of images in a pass.
  /// - Returns: the scores by name.
  /// - Throws: an error that names an unreadable image.
  static func trivial(
    _ bank: SampleBank, meanMask: Tensor, batchSize: Int
  ) throws -> [String: OverlapSummary] {
    var found: [String: OverlapSummary] = [:]
    for predictor in TrivialPredictor.allCases {
      let mask = try predictor.prediction(meanMask: meanMask).to(.float32)
      let counts = try bank.overlaps(batchSize: batchSize) { images, _ in
        let plane = mask.rank == 2 ? try mask.expandedDimension(0) : mask
        return try plane.expandedDimension(0).expanded(to: [images.size(0)] + plane.shape)
      }
      found[predictor.rawValue] = OverlapSummary(of: counts)
    }
    return found
  }

  /// Reads the report of a run; nil for a run without validation images, or of an earlier version.
  ///
  /// - Throws: `RunError.unreadable` that names the file if it is damaged, `FileError` if the system
  ///   cannot read it.
  package static func stored(in run: RunFolder) throws -> ValidationReport? {
    guard FileManager.default.fileExists(atPath: run.validationFile.path) else { return nil }
    do {
      return try JSONDecoder().decode(ValidationReport.self, from: Data(file: run.validationFile))
    } catch  where !(error is FileError) {
      throw RunError.unreadable(run.validationFile)
    }
  }

  /// The predictors that ignore the image, in the order of display.
  package var predictors: [(name: String, scores: OverlapSummary)] {
    TrivialPredictor.allCases.compactMap { item in
      trivial[item.rawValue].map { (item.rawValue, $0) }
    }
  }

  /// States in a sentence each what a mean score hides about the model.
  package func findings(_ name: String) -> [String] {
    func sentences(_ name: String, _ own: OverlapSummary, _ trivial: [PredictionFindings.Trivial]) -> [String]
    {
      PredictionFindings.sentences(name, [.init(name: "in validation", own: own, trivial: trivial)])
    }
    return sentences(
      name, model,
      predictors.map { .init(name: $0.name, dice: $0.scores.dice, diceWithLesion: $0.scores.diceWithLesion) })
      + (classes ?? []).flatMap { sentences("\(name), \($0.name),", $0.model, []) }
  }
}
