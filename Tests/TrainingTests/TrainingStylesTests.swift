import Confounders
import Datasets
import Foundation
import Segmentation
import Testing
import TestSupport
import Torch

@testable import Training

extension TrainingRuns {
  /// Confounders without a mechanism that act by their words.
  @Suite("Training on words that intervene")
  struct TrainingStylesTests {
    private func styled(
      _ directions: StyleDirections = .words, tune: Tuning = .all, epochs: Int = 2
    ) throws -> TinyRun {
      let tiny = try TinyRun(method: .baseline, epochs: epochs)
      tiny.configuration.tune = tune
      tiny.configuration.interventions.share = 1
      tiny.configuration.interventions.styles = .missing
      tiny.configuration.interventions.without = ["blur", "dark", "mucus"]
      tiny.configuration.interventions.directions = directions
      return tiny
    }

    @Test("A stopped and resumed run equals an uninterrupted one", arguments: [Tuning.all, .last(1), .none])
    func resumed(tune: Tuning) throws {
      let (whole, parts) = (try styled(tune: tune), try styled(tune: tune))
      try whole.trainer().trainer.train()
      #expect(throws: TrainingError.self) { try parts.train(stopAfter: 4) }
      try parts.trainer(resuming: true).trainer.train()
      #expect(try whole.metrics() == parts.metrics())
      #expect(try Data(contentsOf: whole.run.weightsFile) == Data(contentsOf: parts.run.weightsFile))
      #expect(try Data(contentsOf: whole.run.stylesFile) == Data(contentsOf: parts.run.stylesFile))
    }

    @Test("Words, other words, random directions and images each give another training")
    func directions() throws {
      let weights = try StyleDirections.allCases.map { directions in
        let tiny = try styled(directions, epochs: 1)
        try tiny.trainer().trainer.train()
        return try Data(contentsOf: tiny.run.weightsFile)
      }
      #expect(Set(weights).count == 4)
    }

    @Test("A resumed run needs the styles that it mined, and a new one mines its own")
    func files() throws {
      let tiny = try styled()
      #expect(throws: TrainingError.self) { try tiny.train(stopAfter: 3) }
      let mined = try Data(contentsOf: tiny.run.stylesFile)
      try Data("junk".utf8).write(to: tiny.run.stylesFile)
      let text = message { _ = try tiny.trainer(resuming: true) }
      #expect(text.contains(tiny.run.stylesFile.path), "\(text)")
      _ = try tiny.trainer()
      #expect(try Data(contentsOf: tiny.run.stylesFile) == mined)
    }

    @Test("The search reports its progress and leaves out confounders that are not used")
    func search() throws {
      let tiny = try styled(.shuffled, epochs: 1)
      let (_, system) = try tiny.trainer()
      let (bank, seen) = (try tiny.inputs().training, Collector<[Int]>())
      let prompts = try TinyRun.prompts.get()
      let interventions = Interventions(prompts, of: tiny.configuration)
      let found = try #require(
        try TrainingStyles(
          tiny.configuration, interventions, system, bank, tiny.run, resuming: false, .alone,
          TrainingProgress { if case .styling(let done, let total) = $0 { seen.add([done, total]) } }))
      #expect(seen.all == [[0, 3], [1, 3], [2, 3], [3, 3]])
      // The three have the styles of others; what nobody uses is 0.
      let sizes = try found.styles.shifts.power(2).sum([1, 2]).floats()
      #expect(Set(sizes.indices.filter { sizes[$0] > 0 }) == interventions.styled)
      let again = try #require(
        try TrainingStyles(tiny.configuration, interventions, system, bank, tiny.run, resuming: true))
      #expect(try again.styles.shifts.isEqual(to: found.styles.shifts))
    }

    @Test("Withheld mechanisms are never drawn, and their names must be known")
    func withheld() throws {
      let prompts = try TinyRun.prompts.get()
      var settings = RunConfiguration()
      settings.interventions.without = ["blur", "mucus"]
      let without = Interventions(prompts, of: settings)
      let names = without.available.map { without.names[$0] }
      #expect(names.count == 10 && !names.contains("blur") && !names.contains("mucus"))
      settings.interventions.styles = .missing
      #expect(Interventions(prompts, of: settings).available.count == 12)
      settings.interventions.without = ["mucuss"]
      let text = message { try RunChecks.requireMechanisms(settings, prompts, in: "the prompts") }
      #expect(
        text.contains("interventions.without is mucuss") && text.contains("specular reflection"), "\(text)")
      settings.interventions.styles = .all
      settings.tune = .none
      settings.augmentation = .none
      #expect(!settings.cachesFeatures)
    }

    @Test("P(z) comes from words, or from images of the held-out site, and a resumed run keeps it")
    func priors() throws {
      func prior(_ change: (inout InterventionTraining) -> Void, target: SampleBank? = nil) throws -> [Double]
      {
        let tiny = try TinyRun(method: .baseline, epochs: 1)
        tiny.configuration.interventions.share = 1
        change(&tiny.configuration.interventions)
        try tiny.configuration.validate()
        let (trainer, system) = try tiny.trainer(target: target)
        try trainer.train()
        let stored = try tiny.trained().model.dictionary.prior.doubles()
        #expect(try stored == system.model.dictionary.prior.doubles())
        return stored
      }
      let named = try prior { ($0.prior, $0.description) = (.described, "blur, mucus") }
      #expect(Set(named).count > 1 && abs(named.reduce(0, +) - 1) < 1e-5)
      // The words of an entry itself are nearest to it.
      let names = try TinyRun.prompts.get().confounders.map(\.name)
      let order = named.indices.sorted { named[$0] > named[$1] }.map { names[$0] }
      #expect(Set(order.prefix(2)) == ["blur", "mucus"])
      let site = try #require(try TinyRun.sites.get().first)
      let reader = SampleReader(size: 32)
      let here = try prior({ $0.prior = .heldOut }, target: SampleBank(site.testSamples, reader: reader))
      #expect(try here != prior { $0.prior = .estimated })
      var settings = RunConfiguration()
      settings.interventions.prior = .described
      let text = message { try settings.validate() }
      #expect(text.contains("interventions.description is null") && text.contains("dye"), "\(text)")
    }
  }
}
