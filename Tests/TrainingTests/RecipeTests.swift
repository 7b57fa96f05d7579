import Datasets
import Foundation
import Segmentation
import Testing
import TestSupport
import Torch

@testable import Training

extension TrainingRuns {
  /// Averaged weights, balanced sites, rates by layer, flips at inference.
  @Suite("Recipe")
  struct RecipeTests {
    private func averaged(_ averaging: Averaging = 0.9, epochs: Int = 3) throws -> TinyRun {
      let tiny = try TinyRun(method: .baseline, epochs: epochs)
      tiny.configuration.averaging = averaging
      tiny.configuration.sampling = .sites
      tiny.configuration.optimizer.layerDecay = 0.5
      tiny.configuration.augmentation.exchange = 0.5
      return tiny
    }

    @Test(
      "With all of them, a stopped and resumed run equals an uninterrupted one",
      arguments: [(0.9, 3, 3), (0.9, 3, 5), (.swad, 6, 5), (.swad, 6, 16)] as [(Averaging, Int, Int)])
    func resumed(averaging: Averaging, epochs: Int, stop: Int) throws {
      let (whole, parts) = (
        try averaged(averaging, epochs: epochs), try averaged(averaging, epochs: epochs)
      )
      try whole.trainer().trainer.train()
      #expect(throws: TrainingError.self) { try parts.train(stopAfter: stop) }
      try parts.trainer(resuming: true).trainer.train()
      #expect(try whole.metrics() == parts.metrics())
      #expect(try whole.stateTensors() == parts.stateTensors())
      #expect(try Data(contentsOf: whole.run.weightsFile) == Data(contentsOf: parts.run.weightsFile))
    }

    @Test("The stored weights are the average, not the last step's")
    func average() throws {
      let (plain, averaged) = (
        try TinyRun(method: .baseline, epochs: 1), try TinyRun(method: .baseline, epochs: 1)
      )
      averaged.configuration.averaging = 0.9
      let (first, system) = try plain.trainer()
      let start = try system.state().mapValues { try $0.detached().copy() }
      try first.train()
      let (second, live) = try averaged.trainer()
      try second.train()
      let key = "model.head.classifier.weight"
      let last = try #require(system.state()[key]).floats()
      // The average changes nothing of the training itself.
      #expect(try #require(live.state()[key]).floats() == last)
      let (stored, other) = (try plain.trained(), try averaged.trained())
      #expect(try #require(stored.state()[key]).floats() == last)
      let mean = try #require(other.state()[key]).floats()
      #expect(mean != last)
      func distance(_ left: [Float], _ right: [Float]) -> Float {
        zip(left, right).map { abs($0 - $1) }.reduce(0, +)
      }
      // It lies on the way.
      #expect(try distance(mean, last) < distance(#require(start[key]).floats(), last))
    }

    @Test("SWAD stores the mean over the steps of the valley's epochs")
    func dense() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 1)
      let (_, system) = try tiny.trainer()
      let (average, key) = (try DenseAverage(of: system), "model.head.classifier.weight")
      let weight = try #require(system.state()[key])
      var stored: [Float] = []
      // Two steps an epoch with the values 10·epoch and 10·epoch + 2.
      func epoch(_ number: Int, loss: Double) throws {
        for value in [10 * number, 10 * number + 2] {
          try withoutGradients { try weight.fill(Double(value)) }
          try average.update()
        }
        _ = try average.endEpoch(
          isWhole: number > 0, validate: { Validation(counts: [], dice: nil, score: 1 - loss) },
          store: { found, _ in
            stored = try weight.floats()
            return (nil, found.score, true)
          })
      }
      // The intervention has not begun, so this epoch's low loss begins no valley.
      try epoch(0, loss: 0.1)
      #expect(stored.allSatisfy { $0 == 1 })
      try epoch(1, loss: 0.5)
      #expect(stored.allSatisfy { $0 == 11 })
      for (number, loss) in [(2, 0.4), (3, 0.41), (4, 0.42)] { try epoch(number, loss: loss) }
      #expect(stored.allSatisfy { abs($0 - 31) < 1e-4 })
      try epoch(5, loss: 0.9)
      // Stored and read, with the valley begun and its first epoch closed, it is the same.
      let (file, other) = (tiny.run.stateFile, try DenseAverage(of: system))
      var state = try average.state
      try other.load(state, from: file)
      let read = try other.state
      #expect(Set(read.keys) == Set(state.keys) && state.keys.contains("swad.closed.\(key)"))
      #expect(try state.allSatisfy { try $0.value.isEqual(to: #require(read[$0.key])) })
      state["swad.recent.2.\(key)"] = nil
      #expect(throws: RunError.self) { try DenseAverage(of: system).load(state, from: file) }
      for number in 6...7 { try epoch(number, loss: 0.9) }
      // The valley ended before epoch 5.
      #expect(stored.allSatisfy { abs($0 - 31) < 1e-4 })
      // The training itself goes on with its own weights.
      #expect(try weight.floats().allSatisfy { $0 == 72 })
    }

    @Test("A valley begins where the loss stops falling and ends where it stays above the tolerance")
    func valley() {
      func steps(_ losses: [Double]) -> [ScoreValley.Step] {
        var valley = ScoreValley()
        return losses.map { valley.add(score: 1 - $0) }
      }
      #expect(steps([0.5, 0.4, 0.3, 0.2]) == [.before, .before, .before, .before])
      #expect(steps([0.5, 0.2, 0.3, 0.2]) == [.before, .before, .before, .inside])
      // Epochs that mark nothing, or have no score, begin none.
      var blank = ScoreValley()
      #expect([0, 0, 0, nil, nil, 0.1].map { blank.add(score: $0) }.allSatisfy { $0 == .before })
      // 1.3 · (0.2 + 0.2 + 0.2)/3 = 0.26
      #expect(
        steps([0.2, 0.2, 0.2, 0.3, 0.3, 0.25, 0.3, 0.3, 0.3, 0.1])
          == [.before, .before] + Array(repeating: .inside, count: 6) + [.ended, .ended])
    }

    @Test("SWAD without validation images is refused")
    func swadNeedsValidation() throws {
      var configuration = RunConfiguration()
      configuration.averaging = .swad
      try configuration.validateValues()
      configuration.validationShare = 0
      #expect(throws: SettingsError.self) { try configuration.validateValues() }
      // Sites of one group each leave no validation image either.
      #expect(throws: SettingsError.self) { try RunChecks.requireScores(configuration, []) }
      try configuration.set("averaging=0.99")
      #expect(configuration.averaging == 0.99)
      #expect(throws: (any Error).self) { try configuration.set("averaging=swan") }
    }

    @Test("A state without an average does not continue a run that has one")
    func foreignState() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 2)
      #expect(throws: TrainingError.self) { try tiny.train(stopAfter: 2) }
      tiny.configuration.averaging = 0.9
      #expect(throws: RunError.notAState(tiny.run.stateFile)) { try tiny.trainer(resuming: true) }
    }

    @Test("Sites take turns, and an epoch has as many images as there are")
    func sites() throws {
      let sites = Array(repeating: 0, count: 9) + Array(repeating: 1, count: 3)
      let order = try SiteSampling.sites.order(sites: sites, generator: Generator(seed: 1))
      #expect(order.count == 12)
      #expect(order.map { sites[$0] } == (0..<12).map { $0 % 2 })
      #expect(Set(order.filter { sites[$0] == 1 }).count == 3)
      #expect(Set(order.filter { sites[$0] == 0 }).count == 6)
      let plain = try SiteSampling.images.order(sites: sites, generator: Generator(seed: 1))
      #expect(plain.sorted() == Array(0..<12))
    }

    @Test("Each layer of the tower has the rate of the layer after it times the decay")
    func rates() throws {
      let tiny = try TinyRun(method: .baseline)
      tiny.configuration.optimizer.layerDecay = 0.5
      let groups = try tiny.trainer().system.parameterGroups(tiny.configuration.optimizer)
      let tower = groups.dropFirst()
      let rate = tiny.configuration.optimizer.towerLearningRate
      #expect(tower.map(\.learningRate) == (0..<tower.count).map { rate * pow(0.5, Double($0)) })
      tiny.configuration.optimizer.layerDecay = 1
      let all = try tiny.trainer().system.parameterGroups(tiny.configuration.optimizer)
      #expect(all.count == 2)
      #expect(
        tower.flatMap { $0.parameters.map(\.key) }.sorted() == all[1].parameters.map(\.key).sorted())
    }

    @Test("A prediction with flips is the mean over four, and a flipped image gives the flipped mask")
    func flips() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 1)
      try tiny.trainer().trainer.train()
      let run = try Run.open(at: tiny.run.url)
      let plain = try run.predictor(precision: .float32)
      var settings = run.configuration
      settings.inference.flips = true
      let mean = Predictor(plain.system, settings, precision: .float32)
      let images = try tiny.strangers()
      let flipped = try mean.probabilities(images.flipped([3]), cached: nil).flipped([3])
      let straight = try mean.probabilities(images, cached: nil)
      #expect(try (straight - flipped).magnitude().max([0, 1, 2, 3]).item() < 1e-5)
      #expect(try !straight.isEqual(to: plain.probabilities(images, cached: nil)))
      let parts = try [[], [2], [3], [2, 3]].map { dims -> Tensor in
        dims.isEmpty
          ? try plain.probabilities(images, cached: nil)
          : try plain.probabilities(images.flipped(dims), cached: nil).flipped(dims)
      }
      #expect(try (Tensor.stacked(parts).mean([0]) - straight).magnitude().max([0, 1, 2, 3]).item() < 1e-5)
    }

    @Test("The U-Net reads the image alone: another tower gives the same weights")
    func unet() throws {
      let method = try MethodRegistry.builtIn.method(named: "unet")
      let (first, second) = (try TinyRun(method: method, epochs: 1), try TinyRun(method: method, epochs: 1))
      second.configuration.clip = "random:\(Project.file("Configurations/vit-small-p8-128.json").path)"
      for tiny in [first, second] {
        try tiny.configuration.set("model.options.widths=[4,8]")
        try tiny.trainer().trainer.train()
      }
      let weights = try [first, second].map { tiny in
        try tiny.trained().model.state().filter { $0.key.hasPrefix("method.") }.mapValues { try $0.floats() }
      }
      #expect(weights[0] == weights[1] && !weights[0].isEmpty)
    }
  }
}
