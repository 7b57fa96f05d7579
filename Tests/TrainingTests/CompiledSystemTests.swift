import Foundation
import Segmentation
import TestSupport
import Testing
import Torch

@testable import Training

extension TrainingRuns {
  /// Compiled systems against the systems they come from.
  @Suite("Compiled systems")
  struct CompiledSystemTests {
    private static func images(_ count: Int = 3) throws -> Tensor {
      try .randomUniform([count, 3, 32, 32], generator: Generator(seed: 5))
    }

    private func tiny(
      _ method: MethodChoice = .mcdrl, _ change: (TinyRun) throws -> Void = { _ in }
    ) throws -> (run: TinyRun, system: SegmentationSystem) {
      let tiny = try TinyRun(method: method, epochs: 1)
      tiny.configuration.sources = try TinyRun.sites.get()[..<2].map(\.name)
      // Layers of another size than the grid's, which are averaged.
      try tiny.configuration.set("model.head.towerLayers=[1,2]")
      try change(tiny)
      let system = try tiny.trainer().system
      system.train(false)
      return (tiny, system)
    }

    private func gap(_ found: Tensor, _ wanted: Tensor) throws -> Double {
      try (found - wanted).magnitude().flattened().max([0]).item()
    }

    @Test(
      "A compiled system segments and represents images as the system does",
      arguments: [.mcdrl, .baseline] + MethodChoice.peers)
    func alike(method: MethodChoice) throws {
      let system = try tiny(method).system
      let images = try Self.images()
      let wanted = try (system.probabilities(images), inferenceMode { try system(images).representation })
      for precision in Precision.allCases where precision != .int8 || Machine.hasInt8 {
        let compiled = try system.compiled(for: precision)
        let tolerance = precision == .float32 ? 1e-4 : 0.05
        let found = try compiled.probabilities(images)
        #expect(try gap(found, wanted.0) < tolerance, "\(precision)")
        let encoded = try compiled.encoded(images)
        #expect(try compiled.probabilities(images, cached: .encoded(encoded)).isEqual(to: found))
        let representation = try compiled.representation(images)
        #expect(representation.features.dtype == .float32)
        #expect(try gap(representation.features, wanted.1.features) < tolerance, "\(precision)")
        // A method that ignores the tower has one position of zeros.
        let grid = method.traits.ignoresTower ? [3, 1, 1] : [3, 4, 4]
        #expect(try compiled.regionScore(images).shape == grid)
        #expect((representation.intervened == nil) == (wanted.1.intervened == nil))
      }
    }

    @Test(
      "Training on does not change a compiled system", arguments: [.mcdrl, .baseline] + MethodChoice.peers)
    func immutable(method: MethodChoice) throws {
      let system = try tiny(method).system
      let (compiled, images) = (try system.compiled(for: .float32), try Self.images())
      let prior = try compiled.dictionary.prior.floats()
      let wanted = try compiled.probabilities(images).floats()
      try withoutGradients {
        for tensor in system.state().values { try tensor.fill(0.25) }
      }
      system.train()
      #expect(try compiled.probabilities(images).floats() == wanted)
      #expect(try compiled.dictionary.prior.floats() == prior)
    }

    @Test("Threads share a compiled system")
    func shared() throws {
      let compiled = try tiny().system.compiled(for: .float32)
      let inputs = try (0..<8).map { try Self.images(1 + $0 % 3) }
      let wanted = try Machine.withThreads(1) { try inputs.map { try compiled.probabilities($0).floats() } }
      let found = try concurrentMap(count: inputs.count, threads: 4) { index in
        try Machine.withThreads(1) { try compiled.probabilities(inputs[index]).floats() }
      }
      #expect(found == wanted)
    }

    @Test("A compiled run needs its file no more, and a system that was read lazily can be compiled again")
    func file() throws {
      let (tiny, _) = try tiny()
      try tiny.trainer().trainer.train()
      let images = try Self.images()
      let whole = try tiny.trained().compiled(for: .float32)
      let lazy = try tiny.trained(lazily: true)
      let first = try lazy.compiled(for: .float32)
      let second = try lazy.compiled(for: .float32)
      let wanted = try whole.probabilities(images).floats()
      #expect(try first.probabilities(images).floats() == wanted)
      #expect(try second.probabilities(images).floats() == wanted)
      // In place: a view of the file would be damaged, or end the process.
      try FileHandle(forWritingTo: tiny.run.weightsFile).truncate(atOffset: 0)
      #expect(try first.probabilities(images).floats() == wanted)
    }

    @Test(
      "Features of the frozen part lead to the compiled system's outputs",
      arguments: [.none, .last(1)] as [Tuning])
    func frozen(tune: Tuning) throws {
      let system = try tiny { $0.configuration.tune = tune }.system
      let (images, compiled) = (try Self.images(), try system.compiled(for: .float32))
      let encoder = try #require(try system.frozenEncoder())
      let features = try encoder(images)
      #expect(
        try compiled.probabilities(images, cached: features).isEqual(to: compiled.probabilities(images)))
      #expect(try gap(system.probabilities(images, cached: features), system.probabilities(images)) < 1e-4)
      // Of the first image alone, and then of the others.
      let first = try features.map { try $0.narrowed(dim: 0, start: 0, length: 1) }
      let joined = try encoder(images, cached: first)
      #expect(try zip(joined.tensors, features.tensors).allSatisfy { try gap($0, $1) < 1e-5 })
      #expect(!joined.tensors.contains { $0.requiresGradient })
      for tensor in try system.frozenWeights().values { try tensor.fill(0.25) }
      #expect(try zip(encoder(images).tensors, features.tensors).allSatisfy { try $0.isEqual(to: $1) })
    }

    @Test("Of a tower that is trained nothing is frozen")
    func trained() throws {
      #expect(try tiny { $0.configuration.tune = .all }.system.frozenEncoder() == nil)
    }
  }
}
