import Foundation
import Testing
import TestSupport
import Torch

@testable import Segmentation

@Suite struct ObjectiveTests {
  @Test func theDefaultWeightsAreThePapersWithSoftDice() {
    let weights = MCDRL.Options()
    #expect(weights.causal == 0.5)
    #expect(weights.contrast == 0.1)
    #expect(weights.temperature == 0.5)
    #expect(ObjectiveWeights().dice == 1)
  }

  @Test func crossEntropyIsThatByHand() throws {
    // Logits 0, ln 3, −ln 3, ln 4 are the probabilities 1/2, 3/4, 1/4, 4/5.
    let logits = try Tensor([0, log(3.0), -log(3.0), log(4.0)], shape: [1, 1, 2, 2])
    let masks = try Tensor([1, 1, 0, 0] as [Double], shape: [1, 1, 2, 2])
    let loss = try Objective.segmentation(logits: logits, masks: masks, dice: 0).mean().item()
    #expect(abs(loss - (log(2.0) + log(4.0 / 3) + log(4.0 / 3) + log(5.0)) / 4) < 1e-12)
  }

  @Test func softDiceHasASmoothingOfOnePixel() throws {
    let logits = try Tensor([0, log(3.0), -log(3.0), log(4.0)], shape: [1, 1, 2, 2])
    let masks = try Tensor([1, 1, 0, 0] as [Double], shape: [1, 1, 2, 2])
    let plain = try Objective.segmentation(logits: logits, masks: masks, dice: 0).mean().item()
    let both = try Objective.segmentation(logits: logits, masks: masks, dice: 0.5).mean().item()
    // Overlap 1.25, total 2.3 + 2.
    #expect(abs(both - plain - 0.5 * (1 - 3.5 / 5.3)) < 1e-12)
  }

  @Test func anEmptyMaskCountsInSoftDiceAndImagesCountAlike() throws {
    // The first image is empty with probabilities 1/2, the second full with 3/4.
    let logits = try Tensor([0, 0, 0, 0, log(3.0), log(3.0), log(3.0), log(3.0)], shape: [2, 1, 2, 2])
    let masks = try Tensor([0, 0, 0, 0, 1, 1, 1, 1] as [Double], shape: [2, 1, 2, 2])
    let plain = try Objective.segmentation(logits: logits, masks: masks, dice: 0).mean().item()
    let both = try Objective.segmentation(logits: logits, masks: masks, dice: 1).mean().item()
    // 1 − 1/(2 + 1) and 1 − (2·3 + 1)/(3 + 4 + 1).
    #expect(abs(both - plain - (2.0 / 3 + 1.0 / 8) / 2) < 1e-12)
  }

  @Test func anEmptyMaskFoundEmptyCostsNothing() throws {
    let logits = try Tensor.full([1, 1, 4, 4], -40)
    let loss = try Objective.segmentation(logits: logits, masks: .zeros([1, 1, 4, 4]), dice: 1).mean().item()
    #expect(loss >= 0 && loss < 1e-6)
  }

  @Test func causalLeavesOutImagesWithoutAClass() throws {
    // Means over positions: (2, 0), (9, 9), (0, 1).
    let intervened = try Tensor([1, 0, 3, 0, 9, 9, 9, 9, 0, 0, 0, 2] as [Double], shape: [3, 2, 2])
    // Means over confounders: (1, 2) and (0, −1).
    let joint = try Tensor([1, 1, 1, 3, 2, -1, -2, -1] as [Double], shape: [2, 2, 2])
    let loss = try Objective.causal(intervened: intervened, joint: joint, classes: [0, nil, 1])
    // (1 + 4) and (0 + 4), mean 4.5.
    #expect(try abs(#require(loss).item() - 4.5) < 1e-12)
    let single = try Objective.causal(intervened: intervened, joint: joint, classes: [nil, nil, 0])
    // (0 − 1)² + (1 − 2)².
    #expect(try abs(#require(single).item() - 2) < 1e-12)
  }

  @Test func contrastIsTheCrossEntropyOfCosinesOverTau() throws {
    // Lengths must not matter. Cosines (1, 0), (–, –), (0.6, 0.8).
    let images = try Tensor([5, 0, 1, 1, 3, 4] as [Double], shape: [3, 2])
    let classes = try Tensor([2, 0, 0, 0.5] as [Double], shape: [2, 2])
    let loss = try Objective.contrast(
      images: images, classEmbeddings: classes, classes: [0, nil, 1], temperature: 0.5)
    let first = -log(exp(2.0) / (exp(2.0) + 1))
    let third = -log(exp(1.6) / (exp(1.2) + exp(1.6)))
    #expect(try abs(#require(loss).item() - (first + third) / 2) < 1e-12)
  }

  @Test func withoutAnyClassThereIsNeitherCausalNorContrast() throws {
    let none: [Int?] = [nil, nil]
    #expect(
      try Objective.causal(intervened: .zeros([2, 3, 4]), joint: .zeros([2, 3, 4]), classes: none) == nil)
    #expect(
      try Objective.contrast(
        images: .ones([2, 4]), classEmbeddings: .ones([2, 4]), classes: none, temperature: 0.5) == nil)
  }

  @Test func invarianceIsOneLessTheCosineAndLeavesOutWhatMoved() throws {
    // One position each; cosines 0.6, −1 and 1, lengths must not matter.
    let observed = try Tensor([1, 0, 0, 2, 5, 0] as [Double], shape: [3, 1, 2]).requireGradient()
    let intervened = try Tensor([6, 8, 0, -1, 1, 0] as [Double], shape: [3, 1, 2]).requireGradient()
    let loss = try #require(
      try Objective.invariance(
        observed: observed, intervened: intervened, moved: Tensor([0, 1, 0] as [Float])))
    #expect(try abs(loss.item() - 0.2) < 1e-12)
    try loss.backward()
    // Only the intervened side learns.
    #expect(try observed.gradient() == nil)
    #expect(try intervened.gradient()?.doubles().contains { $0 != 0 } == true)
    #expect(
      try Objective.invariance(observed: observed, intervened: intervened, moved: .ones([3])) == nil)
  }

  @Test func attentionIsTheCrossEntropyWithTheConfounderThatWasSet() throws {
    // Means over two positions: (0.5, 0.3, 0.2) and (0.1, 0.1, 0.8).
    let attention = try Tensor(
      [0.6, 0.2, 0.2, 0.4, 0.4, 0.2, 0.1, 0.1, 0.8, 0.1, 0.1, 0.8] as [Double], shape: [2, 2, 3])
    let one = try Tensor([0, 0.4, 0, 0, 0, 1] as [Double], shape: [2, 3])
    #expect(
      try abs(Objective.attention(attention, applied: one).item() + (log(0.3) + log(0.8)) / 2) < 1e-12)
    // Two at once share the target by their strengths.
    let two = try Tensor([0.9, 0.3, 0, 0, 0, 1] as [Double], shape: [2, 3])
    let first = 0.75 * log(0.5) + 0.25 * log(0.3)
    #expect(try abs(Objective.attention(attention, applied: two).item() + (first + log(0.8)) / 2) < 1e-12)
  }

  @Test func gradientsAgreeWithFiniteDifferencesInDoublePrecision() throws {
    let masks = try Tensor.seeded([2, 1, 3, 3], 1).greater(than: 0.5).to(.float64)
    let joint = try Tensor.seeded([3, 4, 9], 2).to(.float64)
    let classEmbeddings = try Tensor.seeded([3, 9], 3).to(.float64)
    let losses: [(Tensor) throws -> Tensor?] = [
      { try Objective.segmentation(logits: $0.reshaped([2, 1, 3, 3]), masks: masks, dice: 0.7).mean() },
      { try Objective.causal(intervened: $0.reshaped([2, 1, 9]), joint: joint, classes: [2, 0]) },
      { try Objective.causal(intervened: $0.reshaped([2, 1, 9]), joint: joint, classes: [nil, 1]) },
      {
        try Objective.invariance(
          observed: .seeded([2, 3, 3], 5).to(.float64), intervened: $0.reshaped([2, 3, 3]),
          moved: Tensor([0, 0] as [Double]))
      },
      {
        try Objective.attention(
          $0.reshaped([2, 3, 3]).softmax(dim: -1),
          applied: Tensor([0, 0.7, 0, 1, 0, 0] as [Double], shape: [2, 3]))
      },
      {
        try Objective.contrast(
          images: $0, classEmbeddings: classEmbeddings, classes: [1, nil], temperature: 0.5)
      },
    ]
    for (index, loss) in losses.enumerated() {
      let x = try Tensor.seeded([2, 9], 4).to(.float64).requireGradient()
      try #require(try loss(x)).backward()
      let gradient = try #require(try x.gradient()).doubles()
      let values = try x.detached().doubles()
      for element in values.indices {
        func value(_ step: Double) throws -> Double {
          var moved = values
          moved[element] += step
          return try #require(try loss(Tensor(moved, shape: [2, 9]))).item()
        }
        let slope = try (value(1e-5) - value(-1e-5)) / 2e-5
        #expect(abs(slope - gradient[element]) < 1e-8, "loss \(index), element \(element)")
      }
    }
  }

  @Test func lossesAgreeWithPyTorch() throws {
    let fixture = try Fixture("objective")
    let labels: [Int?] = [2, nil, 1]
    for (name, dice) in [("cross_entropy", 0.0), ("with_dice", 0.5)] {
      let loss = try Objective.segmentation(logits: fixture["logits"], masks: fixture["masks"], dice: dice)
        .mean()
      #expect(try abs(loss.item() - fixture[name].item()) < 1e-5)
    }
    let causal = try Objective.causal(
      intervened: fixture["intervened"], joint: fixture["joint"], classes: labels)
    #expect(try abs(#require(causal).item() - fixture["causal"].item()) < 1e-5)
    let contrast = try Objective.contrast(
      images: fixture["images"], classEmbeddings: fixture["classes"], classes: labels, temperature: 0.5)
    #expect(try abs(#require(contrast).item() - fixture["contrast"].item()) < 1e-5)
  }
}
