import Testing
import TestSupport
import Torch

@testable import Confounders
@testable import Segmentation

/// One class along x, the normal prompt along y.
private func plane() throws -> TextEmbeddings {
  TextEmbeddings(
    classes: try Tensor([1, 0] as [Float], shape: [1, 2]), normal: try Tensor([0, 1] as [Float]),
    confounders: try Tensor([1, 0] as [Float], shape: [1, 2]),
    joint: try Tensor([1, 0] as [Float], shape: [1, 1, 2]))
}

private func selecting(
  _ fraction: Double, _ score: RegionScore = .max, temperature: Double = 0.01,
  _ selecting: RegionSelecting = .hard
) throws -> RegionSelection {
  var region = RegionConfiguration()
  region.fraction = fraction
  region.score = score
  region.temperature = temperature
  region.selection = selecting
  return try RegionSelection(region)
}

@Suite struct RegionSelectionTests {
  @Test(arguments: [
    (0.5, 196, 98), (0.5, 49, 25), (0.3, 10, 3), (0.1, 30, 3), (0.7, 10, 7), (0.07, 100, 7), (0.29, 100, 29),
    (0.31, 10, 4), (1.0 / 3, 9, 3), (1.0 / 3, 10, 4), (1.0, 196, 196), (0.001, 196, 1), (0.55, 20, 11),
  ])
  func countIsTheCeilingOfTheShare(fraction: Double, positions: Int, expected: Int) throws {
    let selection = try selecting(fraction)
    #expect(selection.count(of: positions) == expected)
  }

  @Test func countIsTheCeilingForEveryHundredth() throws {
    for hundredth in 1...100 {
      let selection = try selecting(Double(hundredth) / 100)
      for positions in [1, 4, 49, 100, 196, 256, 576] {
        #expect(selection.count(of: positions) == (hundredth * positions + 99) / 100)
      }
    }
  }

  @Test func impossibleSettingsAreNamed() {
    for (fraction, text) in [(0.0, "0.0"), (1.5, "1.5"), (.nan, "nan")] {
      #expect(
        throws: MethodError.option(name: "region.fraction", value: text, wanted: "above 0 and at most 1")
      ) { try selecting(fraction) }
    }
    for (temperature, text) in [(0.0, "0.0"), (-1, "-1.0"), (.infinity, "inf")] {
      #expect(
        throws: MethodError.option(name: "region.temperature", value: text, wanted: "above 0 and finite")
      ) { try selecting(0.5, temperature: temperature) }
    }
  }

  @Test func scoreOfATwoByTwoGridIsTheCosineByHand() throws {
    // Directions (3, 4), (1, 0), (0, 2), (−5, 12): cosines with x 0.6, 1, 0, −5/13; with y 0.8, 0, 1, 12/13.
    let features = try Tensor([3, 4, 1, 0, 0, 2, -5, 12] as [Float], shape: [1, 4, 2])
    let plain = try selecting(0.5)
    let less = try selecting(0.5, .lessNormal)
    let cosines = try Tensor([0.6, 1, 0, -5.0 / 13], shape: [1, 4])
    let differences = try Tensor([-0.2, 1, -1, -17.0 / 13], shape: [1, 4])
    #expect(try difference(plain.score(features, plane()), cosines) < 1e-6)
    #expect(try difference(less.score(features, plane()), differences) < 1e-6)
    #expect(try plain.positions(plain.score(features, plane())).array(of: Int.self) == [1, 0])
  }

  @Test func scoreTakesTheBestClass() throws {
    let text = TextEmbeddings(
      classes: try Tensor([1, 0, 0, 1] as [Float], shape: [2, 2]), normal: try Tensor([0, 1] as [Float]),
      confounders: try .ones([1, 2]), joint: try .ones([2, 1, 2]))
    let features = try Tensor([3, 4, 4, 3] as [Float], shape: [1, 2, 2])
    let score = try selecting(1).score(features, text)
    #expect(try difference(score, Tensor([0.8, 0.8], shape: [1, 2])) < 1e-6)
  }

  @Test func ofEqualScoresTheFirstPositionsAreKept() throws {
    let selection = try selecting(0.5)
    let flat = try Tensor.full([2, 196], 0.25)
    let expected = Array(0..<98) + Array(0..<98)
    #expect(try selection.positions(flat).array(of: Int.self) == expected)
    let partly = try Tensor([0, 1, 0, 1, 0, 2] as [Float], shape: [1, 6])
    let four = try selecting(0.6)
    #expect(try four.positions(partly).array(of: Int.self) == [5, 1, 3, 0])
  }

  @Test func gatherThenScatterIsTheIdentity() throws {
    let features = try Tensor.seeded([3, 10, 4], 1)
    let selection = try selecting(0.4, .lessNormal)
    let region = SelectedRegion(positions: try selection.positions(.seeded([3, 10], 2)))
    let gathered = try region.gather(features)
    #expect(gathered.shape == [3, 4, 4])
    #expect(try region.scatter(gathered, into: features).isEqual(to: features))
    // And the other way round, at the selected positions; the others keep the grid's value.
    let grid = try region.scatter(gathered, into: features.zerosLike())
    #expect(try region.gather(grid).isEqual(to: gathered))
    #expect(try grid.magnitude().sum([-1]).greater(than: 0).to(.float32).sum().item() == 12)
  }

  @Test(arguments: 1...8)
  func everySelectedScoreIsAtLeastAsHighAsEveryOther(seed: Int) throws {
    let selection = try selecting(Double(seed) / 9, .lessNormal)
    let score = try selection.score(.seeded([2, 23, 6], UInt64(seed)), someText(width: 6))
    let values = try score.doubles()
    let count = selection.count(of: 23)
    let positions = try selection.positions(score).array(of: Int.self)
    #expect(positions.count == 2 * count)
    for image in 0..<2 {
      let chosen = Set(positions[image * count..<(image + 1) * count])
      #expect(chosen.count == count)
      let row = values[image * 23..<(image + 1) * 23].enumerated()
      let lowest = try #require(row.filter { chosen.contains($0.offset) }.map(\.element).min())
      let others = row.filter { !chosen.contains($0.offset) }.map(\.element)
      #expect(others.allSatisfy { $0 <= lowest })
    }
  }

  @Test func gradientsPassThroughTheSelectedPositionsOnly() throws {
    let features = try Tensor.seeded([1, 4, 2], 3).requireGradient()
    let region = SelectedRegion(positions: try Tensor([2, 0], shape: [1, 2]))
    try region.gather(features).sum().backward()
    let gradient = try #require(try features.gradient())
    #expect(try gradient.floats() == [1, 1, 0, 0, 1, 1, 0, 0])
  }

  @Test func scoresAndPositionsAgreeWithPyTorch() throws {
    let fixture = try Fixture("region")
    let text = TextEmbeddings(
      classes: try fixture["classes"], normal: try fixture["normal"], confounders: try fixture["classes"],
      joint: try fixture["classes"])
    let selection = try selecting(0.4, .lessNormal)
    let score = try selection.score(fixture["features"], text)
    #expect(try difference(score, fixture["score"]) < 1e-5)
    #expect(try selection.positions(score).isEqual(to: fixture["positions"]))
    let plain = try selecting(0.4).score(fixture["features"], text)
    #expect(try difference(plain, fixture["score_plain"]) < 1e-5)
  }

  @Test(arguments: [0.01, 0.05, 0.2])
  func theSoftmaxScoreOrdersPositionsByHowUnlikelyNormalIs(temperature: Double) throws {
    let (features, text) = (try Tensor.seeded([2, 19, 6], 5), try someText(width: 6))
    let score = try selecting(0.5, .softmax, temperature: temperature).score(features, text)
    let sentences = try Tensor.concatenated([text.classes, text.normal.expandedDimension(0)], dim: 0)
    let posterior = try (features.normalized().matmul(sentences.transposed()).to(.float64) / temperature)
      .softmax(dim: -1)
    let normal = try posterior.narrowed(dim: -1, start: 3, length: 1).squeezed(-1)
    let logit = try ((1 - normal) / normal).log() * temperature
    // Where 1 − p(normal) rounds to 0 or 1 in float64 the logit says nothing.
    let isKnown = try normal.greater(than: 1e-9).and(normal.less(than: 1 - 1e-9))
    #expect(try isKnown.to(.float32).mean().item() > 0.1)
    #expect(
      try difference(
        isKnown.choose(score.to(.float64), else: logit.zerosLike()),
        isKnown.choose(logit, else: logit.zerosLike())) < 1e-5)
  }

  @Test func theSoftmaxScoreDoesNotSaturate() throws {
    // Cosines with the class of 1 and 0.8: at temperature 0.01 both posteriors are 1 in float32.
    let features = try Tensor([1, 0, 0, 0.8, 0, 0.6] as [Float], shape: [1, 2, 3])
    let text = TextEmbeddings(
      classes: try Tensor([1, 0, 0] as [Float], shape: [1, 3]), normal: try Tensor([0, 1, 0] as [Float]),
      confounders: try .ones([1, 3]), joint: try .ones([1, 1, 3]))
    let score = try selecting(0.5, .softmax).score(features, text).floats()
    #expect(abs(score[0] - 1) < 1e-6 && abs(score[1] - 0.8) < 1e-6)
  }

  @Test func asTheTemperatureFallsTheSoftmaxScoreBecomesTheLargestLessNormal() throws {
    let (features, text) = (try Tensor.seeded([2, 19, 6], 5), try someText(width: 6))
    let less = try selecting(0.5, .lessNormal).score(features, text)
    let gaps = try [0.3, 0.03, 0.003].map {
      try difference(selecting(0.5, .softmax, temperature: $0).score(features, text), less)
    }
    // A softmax over three classes adds at most t·log 3.
    for (gap, temperature) in zip(gaps, [0.3, 0.03, 0.003]) { #expect(gap <= temperature * 1.0987 + 1e-6) }
    #expect(gaps[0] > gaps[1] && gaps[1] > gaps[2])
  }

  @Test func normalAndTemperatureChangeTheOrderAsTheyShould() throws {
    // Two classes along x and y, normal along z; what is left of each direction lies along the fourth.
    let text = TextEmbeddings(
      classes: try Tensor([1, 0, 0, 0, 0, 1, 0, 0] as [Float], shape: [2, 4]),
      normal: try Tensor([0, 0, 1, 0] as [Float]), confounders: try .ones([1, 4]),
      joint: try .ones([2, 1, 4]))
    // Like one class but as like normal; like one class; a little like both.
    let features = try Tensor(
      [0.7, 0, 0.7, 0.1414, 0.6, 0, 0, 0.8, 0.55, 0.55, 0, 0.6285] as [Float], shape: [1, 3, 4])
    func first(_ score: RegionScore, _ temperature: Double = 0.01) throws -> [Int] {
      let region = try selecting(1.0 / 3, score, temperature: temperature)
      return try region.positions(region.score(features, text)).array(of: Int.self)
    }
    #expect(try first(.max) == [0] && first(.lessNormal) == [1] && first(.softmax) == [1])
    // One that is like both classes gains when the temperature is high.
    #expect(try first(.softmax, 1) == [2])
  }

  @Test(arguments: [0.2, 0.5, 0.75])
  func theGateIsOpenMoreThanHalfAtAsManyPositionsAsTheFractionSays(fraction: Double) throws {
    let score = try Tensor.seeded([3, 20], 8)
    for temperature in [0.001, 0.1, 2] {
      let soft = try selecting(fraction, temperature: temperature, .soft)
      let gate = try soft.gate(score)
      #expect(
        try gate.greater(than: 0.5).to(.float32).sum([1]).floats()
          == Array(
            repeating: Float(soft.count(of: 20)), count: 3))
      // The same ones, by the same order.
      let kept = try gate.gathered(dim: 1, index: soft.positions(score))
      #expect(try kept.greater(than: 0.5).to(.float32).mean().item() == 1)
    }
  }

  @Test func withEveryPositionSelectedEveryGateIsOpen() throws {
    let score = try Tensor.seeded([2, 7], 8)
    #expect(try selecting(1, .max, .soft).gate(score).isEqual(to: .ones([2, 7])))
  }

  @Test func asTheTemperatureFallsASoftRegionBecomesTheHardOne() throws {
    let (score, values) = (try Tensor.seeded([2, 12], 8), try Tensor.seeded([2, 12, 4], 9))
    let grid = try Tensor.seeded([2, 12, 4], 10)
    let hard = try selecting(0.4).region(score, training: true)
    let wanted = try hard.scatter(hard.gather(values), into: grid)
    var last = Double.infinity
    for temperature in [1, 0.1, 0.01, 1e-4] {
      let soft = try selecting(0.4, temperature: temperature, .soft).region(score, training: true)
      let gap = try difference(soft.scatter(soft.gather(values), into: grid), wanted)
      #expect(gap < last)
      last = gap
    }
    #expect(last < 1e-5)
  }

  @Test func onlyTrainingSelectsSoftly() throws {
    let score = try Tensor.seeded([2, 12], 8)
    let (soft, values) = (try selecting(0.25, .max, .soft), try Tensor.seeded([2, 12, 4], 9))
    let (training, using) = (
      try soft.region(score, training: true), try soft.region(score, training: false)
    )
    #expect(training.gate != nil && using.gate == nil)
    #expect(try training.positions.isEqual(to: using.positions))
    #expect(try training.gather(values).isEqual(to: values) && using.gather(values).shape == [2, 3, 4])
    #expect(try training.selected(values).isEqual(to: using.gather(values)))
    #expect(try selecting(0.25).region(score, training: true).gate == nil)
  }

  @Test func gradientsReachTheScoreThroughTheGateAndDoNotMoveAllOfItAtOnce() throws {
    let score = try Tensor.seeded([1, 9], 8).requireGradient()
    let weights = try Tensor.seeded([1, 9], 9)
    let soft = try selecting(0.4, temperature: 0.5, .soft)
    try (soft.gate(score) * weights).sum().backward()
    let gradient = try #require(try score.gradient()).doubles()
    let values = try score.detached().to(.float64).doubles()
    for index in values.indices {
      func value(_ step: Double) throws -> Double {
        var moved = values
        moved[index] += step
        return try (soft.gate(Tensor(moved, shape: [1, 9])) * weights.to(.float64)).sum().item()
      }
      #expect(try abs((value(1e-5) - value(-1e-5)) / 2e-5 - gradient[index]) < 1e-5)
    }
    #expect(gradient.contains { abs($0) > 0.01 } && abs(gradient.reduce(0, +)) < 1e-5)
  }

  @Test(arguments: [0, -0.1, .nan, .infinity])
  func aTemperatureThatDividesNothingIsRefused(temperature: Double) {
    #expect {
      try selecting(0.5, temperature: temperature)
    } throws: {
      "\($0)".contains("region.temperature")
    }
  }
}
