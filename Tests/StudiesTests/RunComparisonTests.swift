import Foundation
import TestSupport
import Testing
import Training

@testable import Metrics
@testable import Statistics
@testable import Studies

@Suite("Comparison of runs")
struct RunComparisonTests {
  private func places(_ folds: [FoldResult], _ arms: [String]) -> [RunComparison.Place] {
    folds.map(\.site).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }.map { site in
      RunComparison.Place(
        site: site,
        arms: arms.map { arm in
          (name: arm, runs: folds.filter { $0.site == site && $0.method == arm }.map(\.images))
        })
    }
  }

  private func expectClose(_ found: Interval, _ wanted: Interval, _ what: String) {
    #expect(abs(found.value - wanted.value) < 1e-9, "\(what)")
    #expect((found.low == nil) == (wanted.low == nil), "\(what)")
    #expect(abs((found.low ?? 0) - (wanted.low ?? 0)) < 1e-9, "\(what)")
    #expect(abs((found.high ?? 0) - (wanted.high ?? 0)) < 1e-9, "\(what)")
  }

  @Test("Intervals, tests and counts are those of the study of the same runs")
  func study() throws {
    let (folds, study) = (try StudyExample.folds(), try StudyExample.study())
    let arms = ["baseline", "no-cdrl", "mcdrl"]
    let found = try RunComparison(places(folds, arms))
    #expect(found.arms == arms && found.sites.map(\.site) == ["north", "south"])
    #expect(found.sites.map(\.count) == [13, 12] && found.sites.map(\.groups) == [7, 6])
    #expect(found.sites.map(\.countWithLesion) == [12, 11])
    for measure in [PairedMeasure.dice, .iou] {
      let metric = try #require(Metric(rawValue: measure.rawValue))
      let rows = found.differences.filter { $0.measure == measure }
      // Three pairs at two sites and over them.
      #expect(rows.count == 9)
      for row in rows {
        let what = "\(measure) \(row.candidate) \(row.reference) \(row.site ?? "all")"
        let wanted = try #require(
          study.difference(row.candidate, row.reference, metric: metric, site: row.site))
        expectClose(row.difference, wanted.interval, what)
        #expect(row.isDifference == wanted.isDifference, "\(what)")
        #expect(row.count == wanted.count && row.groups == wanted.groups, "\(what)")
        #expect(row.wins == wanted.wins && row.ties == wanted.ties && row.losses == wanted.losses, "\(what)")
        #expect(row.wilcoxon?.count == wanted.wilcoxon?.count, "\(what)")
        #expect(abs((row.wilcoxon?.p ?? 0) - (wanted.wilcoxon?.p ?? 0)) < 1e-9, "\(what)")
        #expect(abs((row.wilcoxon?.holm ?? 0) - (wanted.wilcoxon?.holm ?? 0)) < 1e-9, "\(what)")
      }
      for arm in arms {
        for site in ["north", "south", nil] {
          let mean = try #require(found.score(arm, site: site)?.means[measure])
          let wanted = try #require(study.score(arm, site: site)?[metric]?.interval)
          expectClose(mean, wanted, "\(arm) \(site ?? "all")")
        }
      }
    }
    // A site alone has the same intervals, and no mean over sites.
    let alone = try RunComparison(Array(places(folds, arms).prefix(1)))
    #expect(alone.differences.allSatisfy { $0.site == "north" })
    let (first, own) = (try #require(alone.differences.first), try #require(found.differences.first))
    #expect(first.difference == own.difference && own.site == "north")
  }

  @Test("Measures are of the images that define them, and fewer false marks are better")
  func measures() throws {
    func images(hits: Int, extra: Int) throws -> [FoldResult.Image] {
      try (0..<8).map { index in
        FoldResult.Image(
          image: "\(index)", group: "\(index)", lesionClass: nil,
          scores: try StudyExample.scores(
            lesion: index == 0 ? 0 : 20, hits: index == 0 ? 0 : hits, extra: extra))
      }
    }
    let found = try RunComparison([
      .init(
        site: "a",
        arms: [
          (name: "first", runs: [try images(hits: 10, extra: 0)]),
          (name: "second", runs: [try images(hits: 20, extra: 0)]),
        ])
    ])
    func row(_ measure: PairedMeasure) throws -> RunComparison.Difference {
      try #require(found.differences.first { $0.measure == measure })
    }
    // Two empty masks count 1 in both, so the difference is 0 there.
    let (dice, lesion) = (try row(.dice), try row(.diceWithLesion))
    #expect(dice.count == 8 && lesion.count == 7)
    #expect(abs(lesion.difference.value - (1 - 2.0 / 3)) < 1e-12)
    #expect(abs(dice.difference.value - lesion.difference.value * 7 / 8) < 1e-12)
    #expect(dice.ties == 1 && lesion.ties == 0 && lesion.wins == 7)
    // Closer outlines have a smaller HD95, which is better.
    let distance = try row(.hd95)
    #expect(distance.count == 7 && distance.difference.value < 0 && distance.wins == 7)
    #expect(try row(.lesionsFound).difference.value == 0 && row(.lesionsFound).wilcoxon == nil)
    #expect(try row(.falseMarks).count == 8)
    // Without a lesion, only some measures are defined.
    let blank = [try images(hits: 0, extra: 0)[0]]
    let empty = try RunComparison([
      .init(site: "a", arms: [(name: "x", runs: [blank]), (name: "y", runs: [blank])])
    ])
    let defined = Set(empty.differences.map(\.measure))
    #expect(defined == [.dice, .iou, .falseMarks], "\(defined)")
  }

  @Test("Unpaired scores are refused")
  func unpaired() throws {
    let folds = try StudyExample.folds().filter { $0.site == "north" }
    let images = folds[0].images
    func compare(_ other: [FoldResult.Image]) throws {
      _ = try RunComparison([
        .init(site: "north", arms: [(name: "a", runs: [images]), (name: "b", runs: [other])])
      ])
    }
    try compare(images)
    for other in [Array(images.dropLast()), images.reversed(), images + [images[0]]] {
      #expect(throws: StudyError.otherImages(site: "north")) { try compare(other) }
    }
    #expect(throws: StudyError.empty) { _ = try RunComparison([]) }
    #expect(throws: StudyError.empty) {
      _ = try RunComparison([.init(site: "north", arms: [(name: "a", runs: [])])])
    }
  }
}
