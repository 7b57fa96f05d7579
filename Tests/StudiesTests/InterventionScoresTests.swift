import Confounders
import Datasets
import Foundation
import Metrics
import Segmentation
import Statistics
import Storage
import TestSupport
import Testing
import Torch

@testable import Studies
@testable import Training

@Suite("Scores under do(z) on the images of a site")
struct InterventionScoresTests {
  let samples: [Sample]

  init() throws { samples = try TinyRun.sites.get()[2].testSamples }

  /// A predictor whose masks have lesion and background, and the run that it belongs to.
  func predictor(
    _ method: MethodChoice = .baseline, _ change: (TinyRun) throws -> Void = { _ in }
  ) throws -> (tiny: TinyRun, predictor: Predictor) {
    let tiny = try TinyRun(method: method)
    tiny.configuration.sources = try TinyRun.sites.get()[..<2].map(\.name)
    if method.name == "unet" { try tiny.configuration.set("model.options.widths=[4,8]") }
    try change(tiny)
    let system = try tiny.trainer().system.compiled()
    let levels = try Predictor(system, tiny.configuration, precision: .float32)
      .probability(of: samples[0].image).floats().sorted()
    let level = Double(levels[levels.count * 3 / 4])
    return (
      tiny, Predictor(system, tiny.configuration, precision: .float32, threshold: .fixed(level))
    )
  }

  /// The interventions of these names; all without names.
  private func doing(
    _ names: [String]? = nil, of pack: PromptSet.Pack = .endoscopy, strength: Double = 1, seed: UInt64 = 3
  ) throws -> Predictor.InterventionPlan {
    let interventions = Interventions(try PromptSet(pack))
    let chosen = interventions.available.filter { names?.contains(interventions.names[$0]) ?? true }
    return Predictor.InterventionPlan(interventions, confounders: chosen, strength: strength, seed: seed)
  }

  @Test(
    "Runs of every kind are scored, and give the same figures twice; another seed draws elsewhere",
    arguments: ["baseline", "mcdrl", "unet"])
  func repeats(method: String) throws {
    let (tiny, predictor) = try predictor(MethodRegistry.builtIn.method(named: method))
    defer { withExtendedLifetime(tiny) {} }
    let done = Tally()
    let scores = try predictor.counterfactualScores(samples, under: doing()) { _ in done.add() }
    #expect(done.value == 8 && scores.count == 8)
    let names = try PromptSet(.endoscopy).confounders.map(\.name)
    #expect(scores.allSatisfy { $0.map(\.confounder) == names })
    #expect(zip(scores, samples).allSatisfy { scores, sample in scores.allSatisfy { $0.scene == sample.id } })
    #expect(scores.joined().allSatisfy { (0...1).contains($0.agreement) && (0...1).contains($0.after.dice) })
    #expect(try predictor.counterfactualScores(samples, under: doing()) == scores)
    #expect(try predictor.counterfactualScores(samples, under: doing(seed: 4)) != scores)
    // do(z) changes what the network sees.
    #expect(scores.joined().contains { $0.agreement < 1 })
    // Dice without is that of any other evaluation.
    for (sample, scores) in zip(samples, scores) {
      let dice = try predictor.assess(sample, tolerance: 2).scores.dice
      #expect(scores.allSatisfy { abs($0.before.dice - dice) < 1e-9 })
    }
  }

  @Test("The draw for an image depends neither on the other confounders nor on the other images")
  func alone() throws {
    let (tiny, predictor) = try predictor()
    defer { withExtendedLifetime(tiny) {} }
    let all = try predictor.counterfactualScores(samples, under: doing())
    let some = try predictor.counterfactualScores([samples[5]], under: doing(["mucus", "near"]))
    let same = all[5].filter { ["mucus", "near"].contains($0.confounder) }
    #expect(some.count == 1 && some[0].map(\.confounder) == same.map(\.confounder))
    // Products of another batch size may round otherwise.
    for (one, other) in zip(some[0], same) { #expect(abs(one.after.dice - other.after.dice) < 0.02) }
  }

  @Test(
    "At strength 0 the scores stay as they are, whatever the mechanism, also with several views and scales")
  func strengthZero() throws {
    for several in [false, true] {
      // A tower with position embeddings takes one scale; the U-Net has no such tower.
      let method = try several ? MethodRegistry.builtIn.method(named: "unet") : .baseline
      let (tiny, predictor) = try predictor(method) {
        guard several else { return }
        try $0.configuration.set("inference.flips=true")
        try $0.configuration.set("inference.scales=[1, 2]")
      }
      defer { withExtendedLifetime(tiny) {} }
      // A quarter of this image is marked, so a few pixels do not count.
      let scores = try predictor.counterfactualScores(
        [samples[0]], under: doing(of: .endoscopy21, strength: 0))
      for score in scores.joined() {
        // Near and far views resample the image at their outline, also at strength 0.
        #expect(score.agreement > 0.85, "\(score.confounder)")
        #expect(abs(score.after.dice - score.before.dice) < 0.05, "\(score.confounder)")
        // The reference did not move.
        let pixels = { (counts: OverlapCounts) in counts.truePositives + counts.falseNegatives }
        #expect(pixels(score.after) == pixels(score.before), "\(score.confounder)")
      }
    }
  }

  @Test("A mechanism that moves the image moves the reference and the prediction; another leaves them")
  func moved() throws {
    let (tiny, predictor) = try predictor()
    defer { withExtendedLifetime(tiny) {} }
    let doing = try doing(["near", "far", "dark"])
    let bank = try SampleBank(samples, reader: SampleReader(size: 32))
    var count = 0
    for (row, sample) in samples.enumerated() {
      let (pixels, mask) = try bank.batch([row])
      for changed in try predictor.masks(sample, under: doing, { $0 }) {
        guard changed.confounder != "dark" else {
          #expect(changed.after.reference == changed.before.reference)
          #expect(changed.movedPrediction == changed.before.prediction)
          continue
        }
        // The images are as large as the network's input, so the masks are those of the mechanism.
        let index = try #require(doing.interventions.names.firstIndex(of: changed.confounder))
        func expected(_ masks: Tensor) throws -> BinaryMask {
          let done = try doing.interventions.doing(
            index, strength: 1, images: pixels, masks: masks,
            generator: Generator(seed: 3, for: "do", sample.site, sample.id, changed.confounder))
          return try BinaryMask(done.masks.squeezed(0).squeezed(0).atLeast(0.5))
        }
        #expect(try changed.after.reference == expected(mask))
        let levels = changed.before.prediction.pixels.map { Float($0) }
        let prediction = try Tensor(levels, shape: [1, 1, 32, 32])
        #expect(try changed.movedPrediction == expected(prediction))
        if changed.after.reference != changed.before.reference { count += 1 }
      }
    }
    #expect(count > 0)
  }

  @Test("A reference of another size than the network's input moves as far")
  func otherSize() throws {
    let (tiny, predictor) = try predictor { $0.configuration.imageSize = 64 }
    let (other, small) = try self.predictor()
    defer { withExtendedLifetime((tiny, other)) {} }
    var (both, either) = (0, 0)
    for sample in samples {
      let doing = try doing(["near"])
      let large = try #require(try predictor.masks(sample, under: doing, { $0.after.reference }).first)
      let own = try #require(try small.masks(sample, under: doing, { $0.after.reference }).first)
      #expect(large.width == 32 && large.height == 32)
      let counts = try OverlapCounts(prediction: large, reference: own)
      both += counts.truePositives
      either += counts.truePositives + counts.falsePositives + counts.falseNegatives
    }
    #expect(either > 0 && Double(both) / Double(either) > 0.6, "\(both) of \(either)")
  }

  @Test("A strength out of range and a confounder without a mechanism are errors")
  func faults() throws {
    let (tiny, predictor) = try predictor()
    defer { withExtendedLifetime(tiny) {} }
    #expect(throws: InterventionError.strength(2)) {
      try predictor.counterfactualScores(samples, under: doing(strength: 2))
    }
    let interventions = Interventions(try PromptSet(.endoscopy), without: ["blur"], styles: .none)
    #expect(throws: InterventionError.noMechanism(name: "blur")) {
      let doing = Predictor.InterventionPlan(interventions, confounders: [0], strength: 1, seed: 0)
      return try predictor.counterfactualScores(samples, under: doing)
    }
    #expect(throws: InterventionError.noConfounder(index: 99, count: 12)) {
      let doing = Predictor.InterventionPlan(interventions, confounders: [99], strength: 1, seed: 0)
      return try predictor.counterfactualScores(samples, under: doing)
    }
  }

  @Test("Rows of an earlier version, without the IoU with the reference, are read")
  func earlier() throws {
    let text = """
      {"confounder": "blur", "n": 1, "mean_iou": 1, "worst_iou": 1, "dice_without": 1, "dice_under": 0.5}
      """
    let row = try JSONDecoder().decode(Counterfactual.Row.self, from: Data(text.utf8))
    #expect(row.iouBefore == nil && row.iouAfter == nil && row.diceAfter == 0.5)
  }
}
