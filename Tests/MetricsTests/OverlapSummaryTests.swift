import Foundation
import TestSupport
import Testing

@testable import Metrics

/// What an empty mask scores, and what is said of predictions that a mean score hides.
@Suite("Overlap of many images")
struct OverlapSummaryTests {
  /// Pairs of masks of ten pixels in a row: the numbers of marked pixels and of lesion pixels.
  private func counts(_ pairs: [(marked: Int, lesion: Int)]) throws -> [OverlapCounts] {
    try pairs.map { marked, lesion in
      try OverlapCounts(
        prediction: BinaryMask(width: 10, height: 1, values: (0..<10).map { $0 < marked }),
        reference: BinaryMask(width: 10, height: 1, values: (0..<10).map { $0 < lesion }))
    }
  }

  private func summary(_ pairs: (marked: Int, lesion: Int)...) throws -> OverlapSummary {
    try #require(OverlapSummary(of: counts(pairs)))
  }

  @Test("An empty prediction wins mean Dice where images have no lesion, and never Dice where marked")
  func emptyPrediction() throws {
    // Two of three images have no lesion; the model finds half of the lesion and marks one of the others.
    let model = try summary((1, 3), (1, 0), (0, 0))
    let empty = try summary((0, 3), (0, 0), (0, 0))
    #expect(empty.dice > model.dice)
    #expect(empty.markedDice == 0 && empty.diceWithLesion == 0)
    // 2·1 / (1 + 3) = 0.5 with a lesion, and 0 for the false mark.
    #expect(model.diceWithLesion == 0.5 && model.markedDice == 0.25)
    // One false mark fewer is better.
    #expect(try summary((1, 3), (0, 0), (0, 0)).markedDice == 0.5)
    #expect(try summary((10, 3), (10, 0), (10, 0)).markedDice ?? 1 < 0.25)
  }

  @Test("With a lesion in every image, Dice where marked is the mean Dice; without any it is undefined")
  func ends() throws {
    let every = try summary((1, 3), (0, 2), (4, 4))
    #expect(every.markedDice == every.dice && every.diceWithLesion == every.dice)
    let none = try summary((0, 0), (1, 0))
    #expect(none.markedDice == nil && none.diceWithLesion == nil && none.unmarkedShare == nil)
    #expect(OverlapSummary(of: [OverlapCounts]()) == nil)
  }

  @Test("The marked share follows from stored scores, so a summary of scores is that of the masks")
  func fromScores() throws {
    let pairs = [(1, 3), (0, 3), (0, 0), (4, 0), (10, 10), (10, 2), (3, 1), (0, 10), (7, 7)]
    let scores = try pairs.map { marked, lesion in
      try ImageScores(
        prediction: BinaryMask(width: 10, height: 1, values: (0..<10).map { $0 < marked }),
        reference: BinaryMask(width: 10, height: 1, values: (0..<10).map { $0 < lesion }), tolerance: 1)
    }
    for (score, pair) in zip(scores, pairs) {
      #expect(abs(score.predictionShare - Double(pair.0) / 10) < 1e-12, "\(pair)")
    }
    // Marks that touch no lesion.
    let missed = try ImageScores(
      prediction: BinaryMask("0011"), reference: BinaryMask("1000"), tolerance: 1)
    #expect(abs(missed.predictionShare - 0.5) < 1e-12)
    let (own, wanted) = (
      try #require(OverlapSummary(of: scores)),
      try #require(OverlapSummary(of: counts(pairs.map { (marked: $0.0, lesion: $0.1) })))
    )
    #expect(abs(own.markedShare - wanted.markedShare) < 1e-12 && own.markedDice == wanted.markedDice)
    #expect(own.unmarkedShare == wanted.unmarkedShare && own.countWithLesion == wanted.countWithLesion)
  }

  @Test("It is said when a model marks nothing, or nearly everything, or loses to a trivial predictor")
  func findings() throws {
    let background = PredictionFindings.Trivial(name: "all background", dice: 0.4, diceWithLesion: 0)
    let lesion = PredictionFindings.Trivial(name: "all lesion", dice: 0.3, diceWithLesion: 0.3)
    func sentences(_ own: OverlapSummary) -> [String] {
      PredictionFindings.sentences("m", [.init(name: "at c1", own: own, trivial: [background, lesion])])
    }
    #expect(sentences(try summary((3, 3), (2, 3), (0, 0))) == [])
    #expect(
      sentences(try summary((0, 3), (0, 0))).contains(
        "m marks nothing on 1 of 1 image with a lesion at c1."))
    #expect(
      sentences(try summary((10, 4), (10, 4)))
        == ["m marks nearly everything: on average 100 % of an image at c1, where lesions cover 40 %."])
    // A false mark costs the first mean, not the second.
    #expect(
      sentences(try summary((1, 3), (1, 0)))
        == ["m does not beat a predictor that ignores the image: Dice 0.250 at c1 (all background: 0.400)."])
    #expect(
      sentences(try summary((1, 9), (0, 0)))
        == [
          "m does not beat a predictor that ignores the image: Dice 0.200 on images with a lesion at c1 "
            + "(all lesion: 0.300)."
        ])
    // Nothing is wrong with an empty mask where there is no lesion.
    let healthy = PredictionFindings.Trivial(name: "all background", dice: 1, diceWithLesion: nil)
    #expect(
      PredictionFindings.sentences(
        "m", [.init(name: "at c1", own: try summary((0, 0)), trivial: [healthy])]) == [])
  }
}
