import Datasets
import Foundation
import Metrics
import Testing
import TestSupport
import Torch

@testable import Segmentation
@testable import Training

extension TrainingRuns {
  /// Several processes are threads here, each with a folder of its own, of which the first one is written.
  @Suite("Several processes", .serialized)
  struct ProcessesTests {
    /// What a process came to.
    private struct Done: Sendable {
      var losses: [Double] = []
      var weights: [String: [Float]] = [:]
      var metrics: [EpochMetrics] = []
      var hasState = false
    }

    /// A run without batch normalisation, whose statistics are of each process's own rows.
    private static func clipSeg() throws -> MethodChoice {
      try MethodRegistry.builtIn.method(named: "clipseg")
    }

    /// Trains a tiny run in some processes; `change` gets its settings.
    private func train(
      _ count: Int, _ method: MethodChoice, epochs: Int = 2, methods: MethodRegistry = .builtIn,
      cachingFeatures: Bool = false,
      _ change: @escaping @Sendable (inout RunConfiguration) -> Void = { _ in }
    ) throws -> [Done] {
      try RankThreads.run(count) { processes in
        let tiny = try TinyRun(method: method, epochs: epochs, methods: methods)
        change(&tiny.configuration)
        let (trainer, system) = try tiny.trainer(cachingFeatures: cachingFeatures, processes: processes)
        return try Self.finish(trainer, system, tiny)
      }
    }

    private static func finish(
      _ trainer: Trainer, _ system: SegmentationSystem, _ tiny: TinyRun
    ) throws -> Done {
      let losses = Collector<Double>()
      let metrics = try trainer.train(
        TrainingProgress { if case .step(_, _, _, let loss) = $0 { losses.add(loss) } })
      var done = Done(losses: losses.all, metrics: metrics, hasState: tiny.run.hasState)
      for parameter in system.parameters() { done.weights[parameter.key] = try parameter.tensor.floats() }
      return done
    }

    private func expectSame(_ one: Done, _ several: [Done], within tolerance: Double = 1e-5) {
      for (rank, done) in several.enumerated() {
        #expect(done.losses.count == one.losses.count)
        for (own, other) in zip(done.losses, one.losses) { #expect(abs(own - other) < tolerance, "\(rank)") }
        #expect(done.weights == several[0].weights, "the weights of \(rank) differ")
        #expect(done.hasState == (rank == 0))
        let (own, first) = (done.metrics.map { $0.best }, several[0].metrics.map { $0.best })
        #expect(own == first)
      }
    }

    @Test("Losses of two and three processes equal those of one", arguments: [2, 3])
    func sharedEverything(count: Int) throws {
      let method = try Self.clipSeg()
      try expectSame(train(1, method)[0], train(count, method))
    }

    /// With a share of 0.25 one of the two processes has no intervened row.
    @Test(
      "So they do with augmentation, interventions in a part of the rows, and gradients over two steps",
      arguments: [0.5, 0.25])
    func manyDraws(share: Double) throws {
      @Sendable func change(_ settings: inout RunConfiguration) {
        settings.augmentation = Augmentation()
        settings.augmentation.sharpness = 0.5
        settings.interventions.share = share
        settings.interventions.segmentation = 0.5
        settings.accumulation = 2
      }
      let method = try Self.clipSeg()
      try expectSame(train(1, method, change)[0], train(2, method, change))
    }

    @Test("So they do with the exchange of colours, which needs all images")
    func exchange() throws {
      @Sendable func change(_ settings: inout RunConfiguration) {
        settings.augmentation = .none
        settings.augmentation.exchange = 0.8
      }
      let method = try Self.clipSeg()
      try expectSame(train(1, method, change)[0], train(3, method, change))
    }

    /// The default trait shares the tower alone: head and normalisation see all rows.
    @Test("Methods that mix rows or keep state equal one process, with batch normalisation")
    func sharedTower() throws {
      for name in ["mixstyle", "dropgen", "leace", "medclipseg"] {
        let method = try MethodRegistry.builtIn.method(named: name)
        try expectSame(train(1, method)[0], train(2, method), within: 1e-4)
      }
    }

    @Test("Losses that read the whole batch equal those of one process")
    func sharedModel() throws {
      let methods = MethodRegistry.builtIn.adding(WholeBatchTerms.self)
      let method = try methods.method(named: WholeBatchTerms.name)
      try expectSame(train(1, method, methods: methods)[0], train(3, method, methods: methods))
    }

    @Test(
      "Methods whose head normalises own rows train",
      arguments: ["groupdro", "coral", "irm", "dann", "mcdrl"])
    func ownStatistics(name: String) throws {
      let done = try train(2, MethodRegistry.builtIn.method(named: name)) {
        $0.sources = ["site-a", "site-b"]
      }
      let areFinite = done[0].losses.allSatisfy { $0.isFinite }
      #expect(areFinite)
      expectSame(done[0], done)
    }

    @Test("Several processes give the frozen tower's cached features to the same losses")
    func cached() throws {
      @Sendable func change(_ settings: inout RunConfiguration) {
        settings.tune = .none
        settings.augmentation = .none
      }
      let method = try Self.clipSeg()
      try expectSame(
        train(1, method, cachingFeatures: true, change)[0],
        train(2, method, cachingFeatures: true, change))
    }

    @Test("A run of two processes goes on in one, and one of one in two")
    func otherNumber() throws {
      let method = try Self.clipSeg()
      let whole = try train(1, method, epochs: 2)[0]
      for counts in [(2, 1), (1, 2)] {
        let tinys = try (0..<2).map { _ in try Shared(TinyRun(method: method, epochs: 2)) }
        let first = try RankThreads.run(counts.0) { processes -> [Double] in
          let tiny = tinys[processes.rank].value
          let losses = Collector<Double>()
          #expect(throws: TrainingError.interrupted(epoch: 1, step: 2)) {
            try tiny.trainer(processes: processes).trainer.train(
              TrainingProgress(
                { if case .step(_, _, _, let loss) = $0 { losses.add(loss) } },
                // Only one process is asked to stop.
                shouldStop: { processes.rank == counts.0 - 1 && losses.count >= 2 }))
          }
          return losses.all
        }
        // Processes share the folder of a run.
        if counts.1 > 1 {
          try FileManager.default.createDirectory(
            at: tinys[1].value.run.stateFile.deletingLastPathComponent(), withIntermediateDirectories: true)
          try FileManager.default.copyItem(
            at: tinys[0].value.run.stateFile, to: tinys[1].value.run.stateFile)
        }
        let second = try RankThreads.run(counts.1) { processes -> [Double] in
          let tiny = tinys[processes.rank].value
          let (trainer, system) = try tiny.trainer(resuming: true, processes: processes)
          return try Self.finish(trainer, system, tiny).losses
        }
        let all = first[0] + second[0]
        #expect(all.count == whole.losses.count)
        for (own, other) in zip(all, whole.losses) { #expect(abs(own - other) < 1e-5) }
      }
    }

    @Test("More processes than images of a batch are refused")
    func tooMany() throws {
      let method = try Self.clipSeg()
      let found = try RankThreads.run(2) { processes -> String in
        let tiny = try TinyRun(method: method)
        tiny.configuration.batchSize = 1
        do {
          _ = try tiny.trainer(processes: processes)
          return ""
        } catch { return "\(error)" }
      }
      for text in found { #expect(text.contains("batchSize")) }
    }

    @Test("Every row of a batch has one process and one place")
    func places() throws {
      for (rows, interventions, count) in [(7, 3, 3), (4, 4, 2), (5, 0, 4), (6, 1, 3)] {
        let shares = (0..<count).map { rank -> BatchShare in
          let share = BatchShare(.alone, sites: Array(0..<rows), interventions: interventions)
          return BatchShare(
            observed: OwnRows(of: share.observed.all, rank: rank, processes: count),
            intervened: OwnRows(of: share.intervened.all, rank: rank, processes: count), sites: share.sites)
        }
        let gathered = shares.flatMap(\.rows)
        #expect(gathered.sorted() == Array(0..<rows + interventions))
        for share in shares {
          let ordered = share.places.map { gathered[$0] }
          #expect(ordered == Array(0..<rows + interventions))
        }
      }
    }

    @Test("Images that change without the trait that says so are an error in several processes")
    func silentChange() throws {
      let methods = MethodRegistry.builtIn.adding(Silent.self)
      let method = try methods.method(named: Silent.name)
      for outcome in try RankThreads.outcomes(
        2,
        { processes in
          let tiny = try TinyRun(method: method, epochs: 1, methods: methods)
          try tiny.trainer(processes: processes).trainer.train()
        })
      {
        let error = #expect(throws: MethodError.self) { try outcome.get() }
        #expect(error?.description.contains("changesImages") == true)
      }
    }
  }
}

/// A method whose hook changes images, which its traits do not say.
private final class Silent: SegmentationMethod, ConfigurableMethod {
  static let name = "silent-change"
  static let summary = "for tests"

  static func traits(_ options: NoOptions) -> MethodTraits { MethodTraits() }

  init(_ options: NoOptions, _ context: MethodContext) throws { super.init() }

  override func images(_ images: Tensor, _ pass: TrainingPass) throws -> Tensor { try 1 - images }
}

/// A linear reading of each position, with terms that depend on all rows of a batch.
private final class WholeBatchTerms: SegmentationMethod, ConfigurableMethod {
  static let name = "whole-batch-terms"
  static let summary = "for tests"

  static func traits(_ options: NoOptions) -> MethodTraits {
    var traits = MethodTraits()
    traits.replacesHead = true
    traits.trainsOnInterventions = true
    traits.sharing = .model(reading: [.logits, .masks, .image, .grid])
    return traits
  }

  @Child private var reading: Linear

  init(_ options: NoOptions, _ context: MethodContext) throws {
    _reading = Child(
      "reading",
      try Linear(context.text.classes.size(1), 1, generator: Generator(seed: context.seed, for: "method")))
    super.init()
  }

  override func decode(_ images: Tensor, _ encoded: EncodedImages) throws -> Tensor {
    try reading(encoded.dense).permuted([0, 3, 1, 2])
      .resized(height: images.size(2), width: images.size(3))
  }

  override func segmentation(_ batch: MethodBatch) throws -> Tensor? {
    try batch.losses.power(2).mean().squareRoot()
  }

  override func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] {
    let pairs = try #require(batch.interventions)
    let grid = output.representation.grid
    return [
      LossTerm(
        "penalty", try IRM.penalty(logits: output.logits, masks: batch.masks, sites: batch.sites),
        weight: 10),
      LossTerm("variance", try output.image.variance([0], correction: 0).mean()),
      LossTerm("pairs", try (pairs.observed(grid) - pairs.intervened(grid)).power(2).mean()),
      // Parameters that a term reads by itself.
      LossTerm("size", try reading.weight.power(2).sum(), weight: 0.1),
    ]
  }
}

/// A value that threads share in turn.
private final class Shared<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
