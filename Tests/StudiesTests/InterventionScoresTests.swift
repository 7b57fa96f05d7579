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
  private let samples: [Sample]

  init() throws { samples = try TinyRun.sites.get()[2].testSamples }

  /// A predictor whose masks have lesion and background, and the run that it belongs to.
  private func predictor(
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

  /// Scores of images under blur and near, from the hits among ten lesion pixels.
  private func scores(_ samples: [Sample], before: Int, after: [Int]) -> [[Counterfactual.Score]] {
    func counts(_ hits: Int) -> OverlapCounts {
      OverlapCounts(
        truePositives: hits, falsePositives: 10 - hits, falseNegatives: 10 - hits, trueNegatives: 9)
    }
    return samples.map { sample in
      zip(["blur", "near"], after).map { name, hits in
        Counterfactual.Score(
          scene: sample.id, confounder: name, agreement: 0.5, before: counts(before), after: counts(hits))
      }
    }
  }

  @Test("Two empty masks do not count as the same, and a model that marks nothing is named")
  func unmarked() throws {
    let (tiny, predictor) = try predictor()
    let run = try tiny.open()
    let setting = Counterfactual.Setting(
      prompts: "p", strength: 1, seed: 0,
      applied: [.init(confounder: "blur", mechanism: "blur"), .init(confounder: "near", mechanism: "near")])
    func agreements(_ scores: [[Counterfactual.Score]]) throws -> [Counterfactual.Comparison.Agreement] {
      let entry = try Counterfactual.Entry(
        run, with: predictor, scores: Array(scores.joined()), site: "c", setting: setting)
      let scored = Counterfactual.SiteScores(entry, samples: samples, scores: scores)
      let found = try Counterfactual.Comparison(at: "c", setting, [(name: "one", runs: [scored])])
      return try #require(found.arms.first).sameMasks
    }
    let empty = OverlapCounts(truePositives: 0, falsePositives: 0, falseNegatives: 10, trueNegatives: 9)
    let nothing = samples.map { sample in
      ["blur", "near"].map {
        Counterfactual.Score(scene: sample.id, confounder: $0, agreement: 1, before: empty, after: empty)
      }
    }
    let none = try agreements(nothing)
    #expect(none.map(\.iou) == [nil, nil] && none.map(\.count) == [0, 0])
    #expect(none.map(\.confounder) == ["blur", "near"])
    // Of one image with marks only these marks count.
    let marked = scores(Array(samples.prefix(1)), before: 8, after: [6, 4])
    let some = try agreements(marked + Array(nothing.dropFirst()))
    #expect(some.map(\.iou) == [0.5, 0.5] && some.map(\.count) == [1, 1])

    let sentence = "m marks nothing on 8 of 8 images with a lesion at c."
    #expect(Counterfactual.findings("m", at: "c", nothing, trivial: [:]) == [sentence])
    let half = scores(samples, before: 8, after: [6, 4])
    #expect(Counterfactual.findings("m", at: "c", half, trivial: [:]).isEmpty)
    let lesion = try #require(OverlapSummary(of: half.map { $0[0].before }))
    #expect(
      Counterfactual.findings("m", at: "c", nothing, trivial: ["all lesion": lesion]) == [
        sentence, "m does not beat a predictor that ignores the image: Dice 0.000 at c (all lesion: 0.800).",
      ])
  }

  @Test("Arms are compared image by image: change, difference to the first, and the mean over confounders")
  func comparison() throws {
    let (tiny, predictor) = try predictor()
    let run = try tiny.open()
    let setting = Counterfactual.Setting(
      prompts: "p", strength: 1, seed: 0,
      applied: [.init(confounder: "blur", mechanism: "blur"), .init(confounder: "near", mechanism: "near")])
    func scored(_ samples: [Sample], before: Int, after: [Int]) throws -> Counterfactual.SiteScores {
      let scores = scores(samples, before: before, after: after)
      let entry = try Counterfactual.Entry(
        run, with: predictor, scores: Array(scores.joined()), site: "c", setting: setting)
      return Counterfactual.SiteScores(entry, samples: samples, scores: scores)
    }
    let first = try scored(samples, before: 8, after: [6, 4])
    // The score of an arm is the mean over its runs.
    let others = try [
      scored(samples, before: 8, after: [7, 8]), scored(samples, before: 8, after: [9, 8]),
    ]
    let found = try Counterfactual.Comparison(
      at: "c", setting, [(name: "one", runs: [first]), (name: "two", runs: others)])
    #expect(found.images == 8 && found.groups == Set(samples.map(\.group)).count)
    func near(_ value: Double, _ expected: Double) -> Bool { abs(value - expected) < 1e-9 }
    let (one, two) = (found.arms[0], found.arms[1])
    #expect(one.summary.rows.map(\.confounder) == ["blur", "near"] && two.runs.count == 2)
    #expect(near(one.summary.rows[0].diceBefore, 0.8) && near(one.summary.rows[1].diceAfter, 0.4))
    let iou = try #require(one.summary.rows[1].iouAfter)
    #expect(near(iou, 4.0 / 16))
    #expect(near(one.change.rows[0].dice.value, -0.2) && near(one.change.rows[1].dice.value, -0.4))
    #expect(near(one.change.mean.value, -0.3) && near(two.change.mean.value, 0))
    let difference = try #require(found.differences.first)
    #expect(found.differences.count == 1 && difference.candidate == "two" && difference.reference == "one")
    #expect(near(difference.under.rows[0].dice.value, 0.2) && near(difference.under.rows[1].dice.value, 0.4))
    #expect(near(difference.under.mean.value, 0.3))

    // Every pair of arms has its difference, first those to the first arm.
    let third = try scored(samples, before: 8, after: [9, 9])
    let pairs = try Counterfactual.Comparison(
      at: "c", setting,
      [(name: "one", runs: [first]), (name: "two", runs: others), (name: "three", runs: [third])]
    ).differences
    #expect(pairs.map(\.candidate) == ["two", "three", "three"])
    #expect(pairs.map(\.reference) == ["one", "one", "two"])
    #expect(pairs[0] == difference && near(pairs[2].under.mean.value, 0.1))

    // In the mean over sites each site counts alike, whatever its number of images.
    let few = Array(try TinyRun.sites.get()[1].testSamples.prefix(2))
    let same = try scored(few, before: 8, after: [2, 2])
    let mean = try Counterfactual.Comparison(
      over: [
        (site: "c", arms: [(name: "one", runs: [first]), (name: "two", runs: others)]),
        (site: "b", arms: [(name: "one", runs: [same]), (name: "two", runs: [same])]),
      ], setting)
    #expect(mean.site == nil && mean.sites == ["c", "b"] && mean.images == 10)
    #expect(near(try #require(mean.differences.first).under.mean.value, 0.15))
    #expect(near(mean.arms[0].summary.rows[0].diceAfter, 0.4) && mean.arms[0].summary.scenes == 10)
    #expect(mean.arms[0].sameMasks.map(\.count) == [10, 10] && mean.arms[0].runs.count == 2)
    #expect(throws: StudyError.empty) {
      try Counterfactual.Comparison(
        over: [(site: "c", arms: [(name: "one", runs: [first])]), (site: "b", arms: [])], setting)
    }

    let document = try JSONValue(encoding: found)
    #expect(document.members?["n"] == .integer(8))
    #expect(document.members?["interventions"]?.members?["strength"] != nil)
    let entry = try JSONValue(encoding: first.entry)
    #expect(entry.members?["site"] == .string("c") && entry.members?["summary"] != nil)

    #expect(throws: StudyError.otherImages(site: "c")) {
      let fewer = try scored(Array(samples.dropLast()), before: 8, after: [6, 4])
      return try Counterfactual.Comparison(
        at: "c", setting, [(name: "one", runs: [first]), (name: "two", runs: [fewer])])
    }
    #expect(throws: StudyError.empty) { try Counterfactual.Comparison(at: "c", setting, []) }
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
