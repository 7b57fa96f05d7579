import Datasets
import Metrics
import Storage
import TestSupport
import Testing

@testable import Studies
@testable import Training

extension InterventionScoresTests {
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
}
