import Datasets
import Foundation
import Torch

/// What each arithmetic of inference makes of a run's Dice on its validation images; `precision.json` (ours).
///
/// Images of the source sites alone decide, so nothing is chosen by looking at a held-out site.
package struct PrecisionCheck: Codable, Equatable, Sendable {
  /// How far the mean Dice may move for a quicker arithmetic to be taken unasked.
  package static let tolerance = 0.002
  /// How many validation images there are.
  package let images: Int
  /// Mean Dice at the network's size, threshold 0.5, by the name of the arithmetic.
  package let dice: [String: Double]
  /// Where it was measured.
  package let processor: String

  /// Joins the parts.
  package init(images: Int, dice: [String: Double], processor: String) {
    self.images = images
    self.dice = dice
    self.processor = processor
  }

  /// Measures a finished run, in every arithmetic that this processor is quick in.
  ///
  /// - Parameters:
  ///   - run: the run, with the weights that validation chose.
  ///   - validation: its validation images, at least one.
  ///   - batchSize: images a pass.
  /// - Throws: `TrainingError.noImages`, or an error that names a file of the run.
  package init(_ run: Run, validation: SampleBank, batchSize: Int = 16) throws {
    guard !validation.samples.isEmpty else { throw TrainingError.noImages }
    var dice: [String: Double] = [:]
    for precision in Precision.allCases where Self.isQuick(precision) {
      let system = try run.trainedSystem(lazily: true)
      try system.prepare(for: precision, keepingWeights: false)
      dice[precision.rawValue] = try system.meanDice(validation, batchSize: batchSize)
    }
    self.init(images: validation.samples.count, dice: dice, processor: Machine.processor)
  }

  /// Reads what a run holds; nil where it was not measured.
  ///
  /// - Throws: an error that names the file when it is there and cannot be read.
  package static func stored(in run: RunFolder) throws -> PrecisionCheck? {
    guard FileManager.default.fileExists(atPath: run.precisionFile.path) else { return nil }
    do {
      return try JSONDecoder().decode(PrecisionCheck.self, from: Data(contentsOf: run.precisionFile))
    } catch {
      throw RunError.unreadablePrecision(run.precisionFile)
    }
  }

  /// How far an arithmetic moves the mean Dice from that of float32; nil where either was not measured.
  package func change(_ precision: Precision) -> Double? {
    dice[precision.rawValue].flatMap { value in
      dice[Precision.float32.rawValue].map { value - $0 }
    }
  }

  /// The arithmetic that is taken unasked: the quickest here that moves Dice by less than the tolerance.
  package var choice: Precision { choice(among: Self.quickestFirst) }

  /// The first of some arithmetics, the quickest first, that moves Dice by less than the tolerance.
  func choice(among candidates: [Precision]) -> Precision {
    candidates.first { change($0).map { abs($0) < Self.tolerance } ?? false } ?? .float32
  }

  /// What is quicker here than float32, the quickest first.
  static var quickestFirst: [Precision] {
    (Machine.int8IsQuickest ? [.int8] : []) + (Machine.hasBFloat16 ? [.bfloat16] : [])
  }

  private static func isQuick(_ precision: Precision) -> Bool {
    switch precision {
    case .float32: true
    case .bfloat16: Machine.hasBFloat16
    case .int8: Machine.hasInt8
    }
  }
}
