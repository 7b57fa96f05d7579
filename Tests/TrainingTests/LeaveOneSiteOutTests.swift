import CLIP
import Datasets
import Evaluation
import Foundation
import MCDRL
import Testing
import Torch

@testable import Training

extension TrainingRuns {
  @Suite("Frozen features and leaving sites out")
  struct LeaveOneSiteOutTests {
    /// Settings under which features are kept.
    private func frozen(_ tiny: TinyRun) -> RunConfiguration {
      var configuration = tiny.configuration
      configuration.tune = .none
      configuration.augmentation = .none
      return configuration
    }

    @Test("Kept features give the losses that running the tower gives")
    func features() throws {
      let losses = try [false, true].map { keeps in
        let tiny = try TinyRun(epochs: 2)
        tiny.configuration = frozen(tiny)
        try tiny.trainer(keepsFeatures: keeps).trainer.train()
        return try tiny.metrics().map(\.loss)
      }
      #expect(zip(losses[0], losses[1]).allSatisfy { abs($0 - $1) < 1e-4 }, "\(losses)")
    }

    @Test("Features of a tower that is trained, or of images that change, are refused")
    func refused() throws {
      let tiny = try TinyRun(epochs: 1)
      #expect(message { _ = try tiny.trainer(keepsFeatures: true) }.contains("tune"))
      tiny.configuration.tune = .none
      #expect(message { _ = try tiny.trainer(keepsFeatures: true) }.contains("augmentation"))
    }

    @Test("Every site is held out in turn; stopped and run again it gives the same, and trains nothing twice")
    func folds() throws {
      let tiny = try TinyRun(epochs: 2)
      let sites = try TinyRun.sites.get()
      let catalog = try SiteCatalog(
        sites[0].samples[0].image.deletingLastPathComponent().deletingLastPathComponent()
          .deletingLastPathComponent(), defaultClass: "polyp")
      let prompts = try PromptSet(contentsOf: TinyRun.root.appendingPathComponent("Prompts/endoscopy.json5"))
      func study(_ name: String) throws -> LeaveOneSiteOut {
        try LeaveOneSiteOut(
          configuration: frozen(tiny), methods: [.baseline, .mcdrl], seeds: [3], catalog: catalog,
          clip: CLIPModel.load(tiny.configuration.clip, seed: 0), prompts: prompts,
          folder: tiny.run.url.appendingPathComponent(name))
      }
      let whole = try study("whole")
      let expected = try whole.run()
      #expect(expected.map(\.site) == ["a", "a", "b", "b", "c", "c"])
      #expect(expected.map(\.method) == ["baseline", "mcdrl", "baseline", "mcdrl", "baseline", "mcdrl"])
      #expect(expected.allSatisfy { $0.images.count == 40 && $0.validationDice != nil })
      #expect(try whole.directory(whole.folds[4]).configuration().sources == ["a", "b"])

      let steps = Counter()
      var progress = LeaveOneSiteOut.Progress()
      progress.step = { _, _, _ in steps.add() }
      // In the third fold.
      progress.shouldStop = { steps.value >= 80 }
      #expect(throws: TrainingError.self) { try study("parts").run(progress) }
      progress.shouldStop = { false }
      let before = steps.value
      let found = try study("parts").run(progress)
      #expect(found.map(\.images) == expected.map(\.images))
      let total = steps.value
      #expect(total - before < before * 3)
      #expect(try study("parts").run(progress).map(\.images) == found.map(\.images))
      #expect(steps.value == total)

      let comparison = try MethodComparison(found, reference: "baseline", candidate: "mcdrl")
      #expect(comparison.rows.map(\.site) == ["a", "b", "c", nil] && comparison.rows[3].count == 120)
      let mean = found.filter { $0.method == "mcdrl" }.reduce(0) { $0 + $1.dice } / 3
      #expect(abs(try #require(comparison.rows[3].dice["mcdrl"]).value - mean) < 1e-12)
      #expect(throws: MetricError.self) {
        try MethodComparison(found, reference: "no-cdrl", candidate: "mcdrl")
      }

      var other = frozen(tiny)
      other.batchSize = 5
      let changed = try LeaveOneSiteOut(
        configuration: other, methods: [.baseline], seeds: [3], catalog: catalog,
        clip: CLIPModel.load(tiny.configuration.clip, seed: 0), prompts: prompts,
        folder: tiny.run.url.appendingPathComponent("parts"))
      #expect(message { _ = try changed.run() }.contains("other settings"))
    }

    private final class Counter: @unchecked Sendable {
      private let lock = NSLock()
      private var count = 0
      var value: Int { lock.withLock { count } }
      func add() { lock.withLock { count += 1 } }
    }
  }
}
