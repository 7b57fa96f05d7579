import Foundation
import TestSupport
import Testing

@testable import Training

/// The estimate of Dice without masks.
@Suite("Dice without masks")
struct DiceEstimatorTests {
  private func example(
    _ site: String, soft: Double, dice: Double, uncertainty: Double = 0.2, variant: Int = 0
  ) -> DiceEstimator.Example {
    DiceEstimator.Example(
      site: site, variant: variant,
      cues: DiceCues(
        softDice: soft, uncertainty: uncertainty, distance: nil, agreement: nil, isEmpty: false), dice: dice)
  }

  /// Two images of each site.
  private func examples(_ offset: Double) -> [DiceEstimator.Example] {
    ["a", "b", "c"].flatMap { site in
      [0.5, 0.7].map { example(site, soft: $0, dice: $0 + offset) }
    }
  }

  @Test("Where probabilities say the Dice, they are taken as they are")
  func soft() throws {
    let found = try DiceEstimator(examples(0))
    #expect(try #require(found.errors["soft"]) < 1e-12)
    #expect(found.sites == 3 && found.sets == 3)
    let estimate = found.mean(examples(0).map(\.cues))
    #expect(abs(estimate.dice - 0.6) < 1e-6)
    let (low, high) = (try #require(estimate.low), try #require(estimate.high))
    #expect(low <= estimate.dice && estimate.dice <= high && high - low < 1e-6)
  }

  @Test("Where every site is better by the same amount, the difference is added")
  func shift() throws {
    let found = try DiceEstimator(examples(0.2))
    #expect(abs(try #require(found.errors["soft"]) - 0.2) < 1e-12)
    #expect(try #require(found.errors["shift"]) < 1e-12)
    #expect(found.method == .shift)
    #expect(abs(found.image(examples(0)[0].cues) - 0.7) < 1e-12)
    #expect(found.largestError.map { $0 < 1e-12 } == true)
    // A Dice is at most 1.
    #expect(found.image(example("d", soft: 0.95, dice: 0).cues) == 1)
  }

  @Test("Where Dice follows another cue, the regression is chosen")
  func regression() throws {
    let all = ["a", "b", "c"].enumerated().flatMap { place, site in
      (0..<6).map { index in
        let uncertainty = 0.1 * Double(index) + 0.02 * Double(place)
        return example(
          site, soft: 0.6, dice: 0.9 - uncertainty, uncertainty: uncertainty, variant: index / 2)
      }
    }
    let found = try DiceEstimator(all)
    #expect(found.method == .regression, "\(found.errors)")
    #expect(found.sets == 9)
    let sure = found.image(example("d", soft: 0.6, dice: 0, uncertainty: 0.1).cues)
    let unsure = found.image(example("d", soft: 0.6, dice: 0, uncertainty: 0.5).cues)
    #expect(sure > unsure + 0.3, "\(sure) \(unsure)")
  }

  @Test("The interval is Student's t of as many degrees of freedom as sites")
  func interval() throws {
    // The soft Dice is off by +0.1, -0.1 and 0: its error is the root of 0.02 / 3.
    let all = [("a", 0.1), ("b", -0.1), ("c", 0.0)].map { example($0.0, soft: 0.5, dice: 0.5 + $0.1) }
    let found = try DiceEstimator(all)
    #expect(abs(try #require(found.errors["soft"]) - (0.02 / 3).squareRoot()) < 1e-12)
    let error = try #require(found.error)
    let estimate = found.mean(all.map(\.cues))
    let half = 3.182446305 * error
    #expect(abs(try #require(estimate.high) - min(1, estimate.dice + half)) < 1e-6)
    #expect(abs(try #require(estimate.low) - max(0, estimate.dice - half)) < 1e-6)
  }

  @Test("A single site has no error, and no interval")
  func single() throws {
    let found = try DiceEstimator([example("a", soft: 0.5, dice: 0.6), example("a", soft: 0.7, dice: 0.9)])
    #expect(found.error == nil && found.errors.isEmpty && found.sets == 0 && found.method == .shift)
    let estimate = found.mean([example("b", soft: 0.5, dice: 0).cues])
    #expect(abs(estimate.dice - 0.65) < 1e-12 && estimate.low == nil && estimate.high == nil)
  }

  @Test("It is stored and read, and numbers that cannot be used are found")
  func storage() throws {
    let found = try DiceEstimator(examples(0.1))
    let data = try JSONEncoder().encode(found)
    let back = try JSONDecoder().decode(DiceEstimator.self, from: data)
    #expect(back == found && back.isUsable)
    let text = String(decoding: data, as: UTF8.self)
    let shorter = text.replacing(/"weights":\[[^\]]*\]/, with: #""weights":[1]"#)
    #expect(shorter != text)
    #expect(try !JSONDecoder().decode(DiceEstimator.self, from: Data(shorter.utf8)).isUsable)
  }
}
