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
  package let model: OverlapSummary
  /// The scores of predictors that ignore the image, by name.
  package let trivial: [String: OverlapSummary]

  /// Scores the predictors that ignore the image.
  ///
  /// - Parameters:
  ///   - bank: the validation images.
  ///   - meanMask: the mean of the training masks, S×S.
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
        try mask.reshaped([1, 1] + mask.shape).expanded(to: [images.size(0), 1] + mask.shape)
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
    PredictionFindings.sentences(
      name,
      [
        PredictionFindings.Place(
          name: "in validation", own: model,
          trivial: predictors.map {
            .init(name: $0.name, dice: $0.scores.dice, diceWithLesion: $0.scores.diceWithLesion)
          })
      ])
  }
}
