import Testing
import TestSupport
import Torch

@testable import Confounders

@Suite struct ConfounderDictionaryTests {
  @Test func thePriorIsABufferThatACheckpointHolds() throws {
    let words = try Tensor.seeded([3, 4], 1).normalized()
    let dictionary = try ConfounderDictionary(words: words)
    #expect(dictionary.buffers().map(\.key) == ["prior"] && dictionary.parameters().isEmpty)
    #expect(try difference(dictionary.prior, .full([3], 1.0 / 3)) < 1e-7)
    try dictionary.setPrior(Tensor([1, 2, 5] as [Float]))
    #expect(try difference(dictionary.prior, Tensor([0.125, 0.25, 0.625])) < 1e-7)
    #expect(try dictionary.entries.prior.isEqual(to: dictionary.prior))
    #expect(try dictionary.entries.embeddings.isEqual(to: words))
    let other = try ConfounderDictionary(words: words)
    try other.load(dictionary.state(), from: "a checkpoint")
    #expect(try other.prior.isEqual(to: dictionary.prior))
    for refused in [[0.5, 0.5], [0.5, 0.5, 0]] {
      #expect(throws: TorchError.value("a prior over 3 confounders needs 3 positive numbers")) {
        try dictionary.setPrior(Tensor(refused))
      }
    }
    #expect(try other.prior.isEqual(to: dictionary.prior), "what is refused changes nothing")
  }

  @Test func aConstantStandsAloneAndLearnsAndLeavesTheWordsTheirPrior() throws {
    let words = try Tensor.seeded([3, 4], 1).normalized()
    let dictionary = try ConfounderDictionary(.constant, words: words)
    #expect(dictionary.isConstant && dictionary.parameters().map(\.key) == ["constant"])
    let entries = try dictionary.entries
    #expect(entries.embeddings.shape == [1, 4] && entries.prior.shape == [1])
    #expect(try difference(entries.embeddings, words.mean([0], keepDimensions: true)) < 1e-7)
    #expect(dictionary.prior.shape == [3])
  }

  @Test func withoutAPriorEveryConfounderIsAsLikely() throws {
    let dictionary = try ConfounderEntries(embeddings: .seeded([12, 4], 1))
    #expect(try difference(dictionary.prior, .full([12], 1.0 / 12)) < 1e-7)
  }

  @Test func aGivenPriorIsScaledToSumToOne() throws {
    let dictionary = try ConfounderEntries(
      embeddings: .seeded([3, 4], 1), prior: Tensor([1, 2, 5] as [Float]))
    #expect(try difference(dictionary.prior, Tensor([0.125, 0.25, 0.625])) < 1e-7)
  }

  @Test(arguments: [[0.5, 0.5], [0.5, 0.5, 0], [1, 1, -1], [0.5, .nan, 0.5], []])
  func aPriorOfAnotherLengthOrNotPositiveIsRefused(prior: [Double]) throws {
    let embeddings = try Tensor.seeded([3, 4], 1)
    let error = #expect(throws: TorchError.self) {
      try ConfounderEntries(embeddings: embeddings, prior: Tensor(prior))
    }
    #expect(error == .value("a prior over 3 confounders needs 3 positive numbers"))
  }

  @Test func embeddingsOfAnotherRankAreRefused() throws {
    #expect(throws: TorchError.self) { try ConfounderEntries(embeddings: .seeded([4], 1)) }
    #expect(throws: TorchError.self) { try ConfounderDictionary(words: .seeded([4], 1)) }
  }

  @Test(arguments: [0.01, 0.1, 1.0])
  func theEstimatedPriorIsPositiveAndSumsToOne(temperature: Double) throws {
    let prior = try ConfounderDictionary.estimatedPrior(
      images: .seeded([7, 8], 1), embeddings: .seeded([12, 8], 2), temperature: temperature)
    #expect(prior.shape == [12])
    #expect(try prior.min([0]).item() > 0)
    #expect(try abs(prior.sum().item() - 1) < 1e-6)
    #expect(try prior.log().isFinite())
  }

  @Test func aDescriptionMakesItsConfoundersLikely() throws {
    // Entries that share most of their direction, as sentences do.
    let words = try (Tensor.seeded([12, 16], 1) * 0.3 + Tensor.seeded([1, 16], 2)).normalized()
    let same = try ConfounderDictionary.describedPrior(
      phrases: words.narrowed(dim: 0, start: 3, length: 1), embeddings: words
    ).doubles()
    #expect(same[3] > 0.8 && abs(same.reduce(0, +) - 1) < 1e-5 && same.allSatisfy { $0 > 0 })
    let both = try ConfounderDictionary.describedPrior(
      phrases: words.indexed(Tensor([3, 7])), embeddings: words
    ).doubles()
    #expect(both[3] > 0.4 && both[7] > 0.4, "\(both)")
  }

  @Test func theEstimatedPriorFollowsTheImages() throws {
    let embeddings = try Tensor([1, 0, 0, 1] as [Float], shape: [2, 2])
    let images = try Tensor([2, 0, 1, 0, 7, 0, 0, 3] as [Float], shape: [4, 2])
    let prior = try ConfounderDictionary.estimatedPrior(images: images, embeddings: embeddings)
    #expect(try difference(prior, Tensor([0.7501 / 1.0002, 0.2501 / 1.0002])) < 1e-6)
  }
}
