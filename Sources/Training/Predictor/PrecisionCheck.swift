import Datasets
import Foundation
import Storage
import Torch

/// The mean Dice of a run's validation images for each inference arithmetic (ours).
///
/// The file is `precision.json`.
///
/// Only images of the source sites decide, so no choice depends on a held-out site.
package struct PrecisionCheck: Codable, Equatable, Sendable {
  /// The largest change of the mean Dice at which a faster arithmetic becomes the default.
  package static let tolerance = 0.002
  /// The number of validation images.
  package let images: Int
  /// Mean Dice at the network's size, threshold 0.5, by the name of the arithmetic.
  package let dice: [String: Double]
  /// The processor of the measurement.
  package let processor: String

  /// Makes the value from its parts.
  package init(images: Int, dice: [String: Double], processor: String) {
    self.images = images
    self.dice = dice
    self.processor = processor
  }

  /// Measures a finished run in every arithmetic that is fast on this processor.
  ///
  /// - Parameters:
  ///   - run: the run, with its stored weights.
  ///   - validation: the validation images, at least one.
  ///   - batchSize: the number of images in a pass.
  /// - Throws: `TrainingError.noImages`, or an error that names a file of the run.
  package init(_ run: Run, validation: SampleBank, batchSize: Int = 16) throws {
    guard !validation.samples.isEmpty else { throw TrainingError.noImages }
    var dice: [String: Double] = [:]
    for precision in Precision.allCases where precision.isQuickHere {
      let system = try run.compiledSystem(for: precision)
      dice[precision.rawValue] = try validation.meanDice(batchSize: batchSize) {
        try system.probabilities($0, cached: $1)
      }
    }
    self.init(images: validation.samples.count, dice: dice, processor: Machine.processor)
  }

  /// Reads the measurements of a run; nil if there are none.
  ///
  /// - Throws: an error that names the file if it exists and cannot be read.
  package static func stored(in run: RunFolder) throws -> PrecisionCheck? {
    guard FileManager.default.fileExists(atPath: run.precisionFile.path) else { return nil }
    do {
      return try JSONDecoder().decode(PrecisionCheck.self, from: Data(file: run.precisionFile))
    } catch  where !(error is FileError) {
      throw RunError.unreadablePrecision(run.precisionFile)
    }
  }

  /// Returns the change of the mean Dice from that of float32; nil if either was not measured.
  package func change(_ precision: Precision) -> Double? {
    dice[precision.rawValue].flatMap { value in
      dice[Precision.float32.rawValue].map { value - $0 }
    }
  }

  /// Chooses the fastest arithmetic that changes Dice by less than the tolerance.
  ///
  /// A less exact one must be faster than each more exact one by `PrecisionSpeed.leastGain`.
  ///
  /// - Parameter times: the time of each arithmetic by name; one without a time is not taken.
  /// - Returns: the arithmetic; float32 if no other qualifies.
  package func choice(_ times: [String: Double]) -> Precision {
    [Precision.bfloat16, .int8].filter(keepsDice).reduce(.float32) { best, next in
      guard let own = times[next.rawValue], let other = times[best.rawValue] else { return best }
      return own * PrecisionSpeed.leastGain < other ? next : best
    }
  }

  /// Whether an arithmetic changes Dice by less than the tolerance.
  func keepsDice(_ precision: Precision) -> Bool {
    change(precision).map { abs($0) < Self.tolerance } ?? false
  }
}
