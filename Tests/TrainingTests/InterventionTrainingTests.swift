import Confounders
import Datasets
import Foundation
import Segmentation
import Storage
import Testing
import TestSupport
import Torch

@testable import Training

extension TrainingRuns {
  @Suite("Training on interventions")
  struct InterventionTrainingTests {
    private let prompts: PromptSet
    private let bank: SampleBank

    init() throws {
      prompts = try TinyRun.prompts.get()
      let sites = try TinyRun.sites.get()
      bank = try SampleBank(
        Array(sites[0].samples[..<4] + sites[1].samples[..<2]), reader: SampleReader(size: 32))
    }

    private func maker(_ change: (inout RunConfiguration) -> Void = { _ in }) throws -> BatchMaker {
      var configuration = RunConfiguration()
      configuration.augmentation = .none
      change(&configuration)
      return try BatchMaker(
        configuration: configuration, bank: bank, features: nil,
        pictures: FixedPictures(configuration, prompts),
        interventions: Interventions(prompts), probabilities: [Double](repeating: 1.0 / 12, count: 12),
        classes: LesionClasses(stated: [0, 1, 2, 3, nil, 4]), sites: [0, 0, 0, 0, 1, 1])
    }

    @Test("A batch holds its images as they are, and the first of them again with a confounder set")
    func pairs() throws {
      let batch = try maker { $0.interventions.share = 0.5 }.batch([5, 0, 3, 1], epoch: 0, step: 0)
      let plain = try bank.batch([5, 0, 3, 1])
      #expect(batch.images.shape == [6, 3, 32, 32] && batch.masks.shape == [6, 1, 32, 32])
      #expect(try batch.images.narrowed(dim: 0, start: 0, length: 4).isEqual(to: plain.images))
      let set = try #require(batch.interventions)
      #expect(set.intervened == [4, 5] && set.partners == [0, 1] && batch.observed == [0, 1, 2, 3])
      #expect(set.applied.shape == [2, 12] && set.moved.shape == [2])
      #expect(try set.observed(batch.images).isEqual(to: plain.images.narrowed(dim: 0, start: 0, length: 2)))
      #expect(batch.sites == [1, 0, 0, 0, 1, 0])
      for row in 0..<2 {
        let again = try batch.images.narrowed(dim: 0, start: 4 + row, length: 1)
        #expect(try !again.isEqual(to: plain.images.narrowed(dim: 0, start: row, length: 1)))
      }
      #expect(try maker { $0.interventions.share = 0 }.batch([0], epoch: 0, step: 0).interventions == nil)
    }

    @Test(
      "Weights of an epoch before the intervention starts are used without it", arguments: [0.0, 0.75, 1.0])
    func start(_ start: Double) throws {
      let tiny = try TinyRun(epochs: 2)
      tiny.configuration.mcdrlOptions.start = start
      let (trainer, _) = try tiny.trainer()
      let chosen = try #require(try trainer.train().last { $0.best })
      #expect(chosen.intervening == (start == 0))
      let images = try tiny.strangers()
      let system = try tiny.trained()
      #expect(try tiny.open().intervenes() == chosen.intervening)
      for found in [
        try inferenceMode { try system(images).representation },
        try system.compiled().representation(images),
      ] { #expect((found.intervened != nil) == chosen.intervening) }
      let off = try inferenceMode { try system(images, .withoutIntervention).logits }
      let own = try inferenceMode { try system(images).logits }
      #expect(try own.isEqual(to: off) != chosen.intervening)
      // Validation saw what inference computes.
      let validation = try tiny.inputs().validation
      let dice = try validation.meanDice(batchSize: 4) { images, _ in try system.probabilities(images) }
      #expect(abs(dice - (chosen.validationDice ?? -1)) < 1e-6)
    }

    @Test("What is set follows from seed, epoch and step alone")
    func reproducible() throws {
      func images(_ seed: UInt64, _ epoch: Int, _ step: Int) throws -> Tensor {
        try maker { $0.seed = seed }.batch([0, 1, 2], epoch: epoch, step: step).images
      }
      let first = try images(3, 1, 2)
      #expect(try images(3, 1, 2).isEqual(to: first))
      for other in [try images(4, 1, 2), try images(3, 2, 2), try images(3, 1, 3)] {
        #expect(try !other.isEqual(to: first))
      }
    }

    @Test("Several confounders are set at once when that is asked for")
    func several() throws {
      let many = try maker { $0.interventions.count = 4 }.batch([0, 1, 2, 3], epoch: 0, step: 0)
      let one = try maker().batch([0, 1, 2, 3], epoch: 0, step: 0)
      func counts(_ batch: TrainingBatch) throws -> [Double] {
        try #require(batch.interventions).applied.greater(than: 0).to(.float32).sum([1]).doubles()
      }
      #expect(try counts(one) == [1, 1, 1, 1])
      #expect(try counts(many).allSatisfy { (1...4).contains($0) } && counts(many).contains { $0 > 1 })
    }

    @Test("The mean of the losses weighs what was set as it is told")
    func weighted() throws {
      let batch = try maker { $0.interventions.share = 0.5 }.batch([0, 1], epoch: 0, step: 0)
      let losses = try Tensor([1, 2, 6] as [Double])
      #expect(try batch.mean(losses, intervened: 1).item() == 3)
      #expect(try batch.mean(losses, intervened: 0).item() == 1.5)
      #expect(try batch.mean(losses, intervened: 0.5).item() == 2.4)
    }

    @Test("Fixed interventions follow from the image alone, and which is shown follows P(z)")
    func fixed() throws {
      var configuration = RunConfiguration()
      (configuration.tune, configuration.augmentation) = (.none, .none)
      configuration.interventions.variants = 6
      func pictures() throws -> FixedPictures { try FixedPictures(configuration, prompts) }
      let (all, sample) = (try pictures(), bank.samples[0])
      #expect(all.kinds.count == 6 && all.kinds.allSatisfy { $0.augmentation == nil })
      for kind in all.kinds {
        let first = try all.picture(kind, of: sample, bank.pair(0))
        let again = try pictures().picture(kind, of: sample, SampleReader(size: 32).pair(sample))
        #expect(try zip(first.tensors, again.tensors).allSatisfy { try $0.isEqual(to: $1) })
      }
      // What is set is known without setting it.
      let own = try all.kinds.map {
        try all.picture($0, of: sample, bank.pair(0)).applied.argmax(dim: 1).array(of: Int.self)[0]
      }
      func shares(_ probabilities: [Double]) throws -> [Double] {
        let chosen = try all.choice(
          [FixedPictures.Kind](repeating: .plain, count: 600), of: [Sample](repeating: sample, count: 600),
          probabilities: probabilities, generator: Generator(seed: 5, for: "shares"),
          rows: OwnRows(of: 600))
        return (0..<12).map { z in Double(chosen.count { own[$0.intervention ?? 0] == z }) / 600 }
      }
      let counts = (0..<12).map { z in Double(own.count { $0 == z }) }
      try #require(counts.count { $0 > 0 } > 1)
      let even = try shares([Double](repeating: 1, count: 12))
      for z in 0..<12 { #expect(abs(even[z] - counts[z] / 6) < 0.06, "\(z)") }
      let first = try #require(counts.firstIndex { $0 > 0 })
      let skewed = (0..<12).map { $0 == first ? 5.0 : 1 }
      let total = zip(counts, skewed).reduce(0) { $0 + $1.0 * $1.1 }
      let drawn = try shares(skewed)
      for z in 0..<12 { #expect(abs(drawn[z] - counts[z] * skewed[z] / total) < 0.06, "\(z)") }
      // Where none of a picture's variants is likely, all are drawn alike.
      let none = try shares((0..<12).map { counts[$0] > 0 ? 0 : 1 })
      for z in 0..<12 { #expect(abs(none[z] - counts[z] / 6) < 0.06, "\(z)") }
    }

    @Test("Of each fixed augmentation there are as many interventions as of an image that is not augmented")
    func augmented() throws {
      var configuration = RunConfiguration()
      configuration.tune = .last(1)
      (configuration.augmentation.fixed, configuration.interventions.variants) = (3, 2)
      let pictures = try FixedPictures(configuration, prompts)
      #expect(pictures.kinds.count == 3 + 3 * 2 && Set(pictures.kinds).count == 9)
      let images = try pictures.kinds.map {
        try pictures.picture($0, of: bank.samples[1], bank.pair(1)).images
      }
      for (index, image) in images.enumerated() {
        #expect(try images[..<index].allSatisfy { try !$0.isEqual(to: image) })
      }
      // More of them leave those that there are.
      configuration.augmentation.fixed = 5
      let more = try FixedPictures(configuration, prompts)
      let content = ContentHash()
      for kind in pictures.kinds {
        #expect(
          pictures.key(kind, of: bank.samples[1], content: content)
            == more.key(kind, of: bank.samples[1], content: content))
      }
      configuration.augmentation.rotation = 1
      let other = try FixedPictures(configuration, prompts)
      #expect(
        other.key(.plain, of: bank.samples[1], content: content)
          != more.key(.plain, of: bank.samples[1], content: content))
    }

    @Test(
      "Invariance and attention are learned from the intervention's start on, and only where there is one")
    func terms() throws {
      let own = try TinyRun(epochs: 2)
      own.configuration.mcdrlOptions.start = 0.5
      try own.trainer().trainer.train()
      let metrics = try own.metrics()
      #expect(metrics.map { $0.terms["invariance"] != nil } == [false, true])
      #expect(metrics.map { $0.terms["attention"] != nil } == [false, true])

      let baseline = try TinyRun(method: .baseline, epochs: 1)
      baseline.configuration.interventions.share = 1
      try baseline.trainer().trainer.train()
      #expect(try baseline.metrics().allSatisfy { $0.terms.isEmpty })
    }

    @Test("Confounders without mechanisms are refused with the fix, unless nothing is to be set")
    func noMechanisms() throws {
      var plain = prompts
      for group in plain.groups.indices {
        for index in plain.groups[group].confounders.indices {
          plain.groups[group].confounders[index].mechanism = nil
          plain.groups[group].confounders[index].strength = nil
        }
      }
      let tiny = try TinyRun()
      let (_, system) = try tiny.trainer()
      func make() throws -> Trainer {
        try Trainer(
          configuration: tiny.configuration, system: system, run: tiny.run, training: bank, validation: bank,
          prompts: plain, resuming: false)
      }
      #expect { _ = try make() } throws: { "\($0)".contains("interventions.share=0") }
      tiny.configuration.interventions.share = 0
      _ = try make()
    }
  }
}
