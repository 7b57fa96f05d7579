import Confounders
import Datasets
import Foundation
import Segmentation
import Testing
import TestSupport
import Torch

@testable import Training

extension TrainingRuns {
  @Suite("Training on what frozen layers gave")
  struct CachedTrainingTests {
    /// A run whose frozen layers see the same pictures in every epoch.
    private func tiny(
      _ tune: Tuning, seed: UInt64 = 7, _ change: (inout RunConfiguration) throws -> Void = { _ in }
    ) throws -> TinyRun {
      let tiny = try TinyRun(epochs: 2)
      tiny.configuration.tune = tune
      tiny.configuration.augmentation = .none
      tiny.configuration.seed = seed
      tiny.configuration.interventions.variants = 2
      try change(&tiny.configuration)
      return tiny
    }

    @Test(
      "Every step has the loss that running the whole tower gives",
      arguments: [.none, .last(1), .last(2)] as [Tuning], [0, 2])
    func losses(tune: Tuning, fixed: Int) throws {
      let (whole, split) = try [false, true].map { caches in
        try tiny(tune) {
          guard fixed > 0 else { return }
          $0.augmentation = Augmentation()
          $0.augmentation.fixed = fixed
        }.losses(cachingFeatures: caches)
      }.pair
      #expect(whole.count == 6 && whole.count == split.count)
      #expect(zip(whole, split).allSatisfy { abs($0 - $1) < 1e-4 }, "\(whole) \(split)")
    }

    @Test(
      "So it is when layers before and after the boundary go to the head, and with every dense extractor",
      arguments: ["tokens", "maskclip", "sclip", "keys"])
    func layers(dense: String) throws {
      let (whole, split) = try [false, true].map { caches in
        try tiny(.last(1)) {
          try $0.set("model.head.towerLayers=[1,2]")
          $0.model.dense = dense
        }.losses(cachingFeatures: caches)
      }.pair
      #expect(zip(whole, split).allSatisfy { abs($0 - $1) < 1e-4 }, "\(whole) \(split)")
    }

    @Test("Where pictures as they are fit and fixed ones do not, the losses are the same, too")
    func partly() throws {
      let whole = try tiny(.last(1)).losses(cachingFeatures: false)
      let run = try tiny(.last(1))
      // Sixteen images fit, two more pictures of twelve do not.
      let size = 4 * 17 * 64 + 24
      let cache = FeatureCache(run.run.url.appendingPathComponent("cache"), limit: 18 * size)
      let partly = try run.losses(cachingFeatures: true, cache: cache)
      #expect(zip(whole, partly).allSatisfy { abs($0 - $1) < 1e-4 }, "\(whole) \(partly)")
      let groups = try FileManager.default.contentsOfDirectory(atPath: cache.folder.path)
      #expect(groups.count == 1 && !groups[0].hasSuffix("drawn"), "\(groups)")
    }

    @Test("Other seeds, methods and folds find what is kept; other layers or precision do not")
    func shared() throws {
      let first = try tiny(.last(1), seed: 7)
      let cache = FeatureCache(first.run.url.appendingPathComponent("shared"))
      func made(_ change: (inout RunConfiguration) throws -> Void = { _ in }) throws -> Int {
        let run = try tiny(.last(1), change)
        #expect(run.configuration.clip == TinyRun.clip)
        let made = Tally()
        let (_, system) = try run.trainer()
        let sites = try TinyRun.sites.get()
        let prompts = try TinyRun.prompts.get()
        let bank = try SampleBank(Array(sites[0].samples[..<3]), reader: run.configuration.reader)
        _ = try #require(
          try FeatureStore(
            bank, drawing: bank, run.configuration, prompts, system: system, cache: cache,
            progress: { _, _ in made.add() }))
        return made.value
      }
      #expect(try made() == 3 + 6)
      #expect(try made() == 0)
      #expect(try made { $0.interventions.variants = 3 } == 3)
      // The tower's random weights follow from the run's seed, so only other settings can be shared here.
      #expect(
        try made {
          $0.model.method = .baseline; $0.epochs = 9
        } == 0)
      #expect(try made { $0.tune = .last(2) } == 9)
      #expect(try made { $0.precision = .bfloat16 } == 9)
      #expect(try made { $0.seed = 8 } == 9)
      #expect(try made { try $0.set("model.head.towerLayers=[2]") } == 9)
    }

    @Test("What is kept of a picture does not depend on the pictures beside it")
    func alone() throws {
      let run = try tiny(.last(1))
      let (_, system) = try run.trainer()
      let samples = Array(try TinyRun.sites.get()[0].samples[..<5])
      func kept(_ order: [Int], _ name: String) throws -> FrozenFeatures {
        let cache = FeatureCache(run.run.url.appendingPathComponent(name))
        let bank = try SampleBank(order.map { samples[$0] }, reader: run.configuration.reader)
        return try #require(try FeatureStore(bank, system: system, cache: cache, workers: 2))
          .cached([samples[1]])
      }
      let (first, second) = (try kept([0, 1, 2, 3, 4], "first"), try kept([1], "second"))
      #expect(try zip(first.tensors, second.tensors).allSatisfy { try $0.isEqual(to: $1) })
    }

    @Test("Features of a tower that is trained, or of pictures that change, are refused")
    func refused() throws {
      let tiny = try TinyRun(epochs: 1)
      #expect(message { _ = try tiny.trainer(cachingFeatures: true) }.contains("tune"))
      tiny.configuration.tune = .last(1)
      #expect(message { _ = try tiny.trainer(cachingFeatures: true) }.contains("augmentation.fixed"))
    }
  }
}

extension [[Double]] {
  fileprivate var pair: ([Double], [Double]) { (self[0], self[1]) }
}
