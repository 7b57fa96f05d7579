import Foundation
import Testing
import TestSupport

@testable import Metrics
@testable import Statistics
@testable import Studies

@Suite("Results of a study")
struct StudyResultsTests {
  @Test(
    "Differences are paired by image, sites weigh the same, and one needs an interval without zero"
  )
  func differences() throws {
    let folds = try [
      StudyExample.fold("a", "baseline", dice: [0.5, 0.5, 0.5, 0, 0, 0]),
      StudyExample.fold("a", "mcdrl", dice: [1, 1, 1, 0.5, 0.5, 0.5]),
      StudyExample.fold("b", "baseline", dice: [0.5, 1, 0.5, 1, 0.5, 1]),
      StudyExample.fold("b", "mcdrl", dice: [0.5, 1, 0.5, 1, 0.5, 1]),
    ]
    let results = try StudyExample.results(folds, methods: ["baseline", "mcdrl"])
    #expect(results.places == ["a", "b", nil] && results.sites.map(\.count) == [6, 6])
    let found = try results.places.map { try #require(results.difference("mcdrl", "baseline", site: $0)) }
    #expect(found.map(\.value) == [0.5, 0, 0.25] && found.map(\.bySeed) == [[0.5], [0], [0.25]])
    #expect(found.map(\.count) == [6, 6, 12] && found.map(\.groups) == [6, 6, 12])
    #expect(found.map(\.isDifference) == [true, false, true])
    #expect(found.map { [$0.wins, $0.ties, $0.losses] } == [[6, 0, 0], [0, 6, 0], [6, 6, 0]])
    #expect(found.map(\.rankBiserial) == [1, nil, 1] && found[1].wilcoxon == nil)
    // Six equal differences: 2 of 2⁶ signs are as extreme; over the sites the zeros are left out. Two tests
    // in the family.
    #expect(found[0].wilcoxon == .init(count: 6, statistic: 0, p: 0.03125, holm: 0.0625))
    #expect(found[2].wilcoxon == .init(count: 6, statistic: 0, p: 0.03125, holm: 0.0625))
    #expect(found.allSatisfy { $0.overSeeds == nil })
    #expect(
      found[2].verdict.hasPrefix("mcdrl is ahead of baseline by +0.250")
        && found[2].verdict.contains("one seed"))
    #expect(found[1].verdict.hasPrefix("No difference between mcdrl and baseline was shown: +0.000"))
    // The same difference for every group is an interval of no width, and it says so.
    #expect(found[0].interval.signedText == "+0.500 (no spread)")

    let score = try #require(results.score("baseline"))
    #expect(
      score[.dice]?.mean == 0.5 && score[.dice]?.count == 2 && score.count == 12 && score.familiar == 0.75)
    #expect(results.score("baseline", site: "a")?[.dice]?.lowerQuartile == 0)
    #expect(
      results.headline.rows.map { $0[1] } == ["6", "6", "12"]
        && results.headline.headings.last == "difference"
    )
    #expect(
      results.drops.rows == [["baseline", "0.750", "0.500", "0.250"], ["mcdrl", "0.750", "0.750", "0.000"]])
  }

  @Test("What only the seed decides has no interval for these models and a wide one for new seeds")
  func overSeeds() throws {
    func study(seeds: UInt64) throws -> StudyResults {
      let folds = try ["a", "b"].flatMap { site in
        try (0..<seeds).flatMap { seed in
          try [
            StudyExample.fold(site, "baseline", seed: seed, dice: Array(repeating: 0.5, count: 6)),
            StudyExample.fold(
              site, "mcdrl", seed: seed, dice: Array(repeating: seed % 2 == 0 ? 0.5 : 1, count: 6)),
          ]
        }
      }
      return try StudyExample.results(folds, methods: ["baseline", "mcdrl"])
    }
    let results = try study(seeds: 6)
    for site in results.places {
      let difference = try #require(results.difference("mcdrl", "baseline", site: site))
      #expect(
        difference.interval == Interval(value: 0.25, low: 0.25, high: 0.25)
          && difference.bySeed == [0, 0.5, 0, 0.5, 0, 0.5])
      // Five of six seeds are drawn, for both sites at once, and 1 in 32 draws is all of one kind. Were each
      // site to draw its own, the mean over sites would hardly reach either end.
      #expect(difference.overSeeds == Interval(value: 0.25, low: 0, high: 0.5))
      #expect(difference.verdict.contains("for new seeds no difference was shown"))
    }
    // Two seeds say nothing of others, whatever their values.
    let few = try #require(study(seeds: 2).difference("mcdrl", "baseline"))
    #expect(few.overSeeds == Interval(value: 0.25, withoutInterval: "2 seeds; an interval needs 6"))
    #expect(few.verdict.hasSuffix("nothing is said of new seeds: 2 seeds; an interval needs 6."))
  }

  @Test("With many seeds the interval for new ones is as wide as their standard error says")
  func seedsAsSample() throws {
    // Every image of a seed is right or wrong together; 20 of 40 seeds are right.
    let seeds = (0..<40).map(UInt64.init)
    let folds = try seeds.flatMap { seed in
      try [
        StudyExample.fold("a", "baseline", seed: seed, dice: Array(repeating: 0, count: 6)),
        StudyExample.fold(
          "a", "mcdrl", seed: seed, dice: Array(repeating: seed % 2 == 0 ? 1 : 0, count: 6)),
      ]
    }
    let results = try StudyExample.results(folds, methods: ["baseline", "mcdrl"])
    let interval = try #require(results.difference("mcdrl", "baseline")?.overSeeds?.ends)
    // s² = 40·0.25 / 39, so s/√40 = 0.5/√39.
    let expected = 1.96 * 0.5 / 39.0.squareRoot()
    #expect(
      abs(interval.upperBound - 0.5 - expected) < 0.03 && abs(0.5 - interval.lowerBound - expected) < 0.03)
  }

  @Test("The recovered share is the lead over the reference, as a share of the oracle's")
  func recovered() throws {
    // Eight images a site: the reference finds none of four, the oracle all, the method some.
    func folds(_ name: String, _ dice: [Double], seeds: [UInt64] = [0]) throws -> [FoldResult] {
      try ["a", "b"].flatMap { site in
        try seeds.map { try StudyExample.fold(site, name, seed: $0, dice: dice) }
      }
    }
    let base = [0, 0, 0, 0, 0, 0, 1, 1.0]
    let all =
      try folds("baseline", base) + folds("unconfounded", [1, 1, 1, 1, 0, 0, 1, 1])
      + folds("mcdrl", [0.5, 0.5, 0.5, 0.5, 0, 0, 1, 1])
    let methods = ["baseline", "mcdrl", "unconfounded"]
    let results = try StudyExample.results(all, methods: methods)
    let rows = try #require(results.recovered)
    #expect(rows.map(\.method) == ["mcdrl"] && rows[0].oracle == "unconfounded")
    #expect(abs(rows[0].cost.value - 0.5) < 1e-12 && rows[0].cost.excludesZero)
    let share = try #require(rows[0].share)
    // In every resample the method has half of what the oracle has, so the share never moves.
    #expect(abs(share.value - 0.5) < 1e-12 && share.hasNoSpread, "\(share)")
    #expect(try #require(rows[0].bySeed.first ?? nil) == 0.5)
    #expect(
      results.recoveryTable?.rows == [
        [
          "mcdrl", "unconfounded − baseline", rows[0].cost.signedText,
          "0.500 (no spread)", "0: 0.50",
        ]
      ])

    // An oracle that is no better shows no cost, so there is no share.
    let equal = try StudyExample.results(
      folds("baseline", base) + folds("unconfounded", base) + folds("mcdrl", base), methods: methods)
    #expect(equal.recovered?.map(\.share) == [nil] && equal.recovered?.map(\.bySeed) == [[nil]])
    // A cost whose interval holds zero gives a share without an interval.
    let unsure = try StudyExample.results(
      folds("baseline", base) + folds("unconfounded", [0, 0, 0, 0, 0, 1, 1, 1]) + folds("mcdrl", base),
      methods: methods)
    let doubtful = try #require(unsure.recovered?.first?.share)
    #expect(doubtful.value == 0 && doubtful.ends == nil && doubtful.reason?.contains("holds zero") == true)
    let without = try StudyExample.results(
      folds("baseline", base) + folds("mcdrl", base), methods: ["baseline", "mcdrl"])
    #expect(without.recovered == nil && without.recoveryTable == nil)
  }

  @Test("Equal methods differ by exactly nothing, and share a rank")
  func equal() throws {
    let folds = try ["a", "b"].flatMap { site in
      try ["x", "y", "z"].map { name in
        try StudyExample.fold(
          site, name, dice: name == "z" ? [0, 0, 0.5, 0.5, 0, 1] : [1, 0.5, 0.5, 0.5, 0, 1])
      }
    }
    let results = try StudyExample.results(folds, methods: ["x", "y", "z"])
    let same = try #require(results.difference("y", "x"))
    #expect(same.interval == Interval(value: 0, low: 0, high: 0) && !same.isDifference && same.ties == 12)
    let ranks = try #require(results.ranks)
    #expect(ranks.methods.map(\.rank) == [1, 1, 3] && ranks.methods[0].mean == ranks.methods[1].mean)
    #expect(ranks.methods.allSatisfy { abs($0.shares.reduce(0, +) - 1) < 1e-12 })
    #expect(ranks.methods[2].shares[2] > 0.8)
  }

  @Test("Ranks and their agreement are those of a hand-worked table of resamples")
  func ranks() throws {
    // Three methods, four resamples; by all cases a before b before c.
    let stability = try RankStability(
      metric: .dice, methods: ["a", "b", "c"], means: [0.9, 0.5, 0.1],
      resampled: .init([0.9, 0.5, 0.1, 0.8, 0.6, 0.2, 0.5, 0.9, 0.1, 0.1, 0.5, 0.9], shape: [4, 3]))
    #expect(stability.methods.map(\.rank) == [1, 2, 3])
    #expect(stability.methods.map(\.mean) == [1.75, 1.75, 2.5])
    #expect(
      stability.methods.map(\.shares) == [[0.5, 0.25, 0.25], [0.25, 0.75, 0], [0.25, 0, 0.75]])
    // Kendall's tau: 1, 1, 1/3 and −1.
    #expect(abs(try #require(stability.kendallTau).mean - 1.0 / 3) < 1e-12)
  }

  @Test("Strata part images by class, size and empty reference, and weigh images of all sites alike")
  func strata() throws {
    func fold(_ site: String, _ lesions: [Int], _ classes: [String?]) throws -> FoldResult {
      FoldResult(
        site: site, method: "only", seed: 0, epoch: 1, validationDice: nil, seconds: 1,
        images: try zip(lesions, classes).enumerated().map { index, image in
          .init(
            image: "\(index)", group: "\(index / 2)", lesionClass: image.1,
            scores: try StudyExample.scores(lesion: image.0, hits: image.0 == 1 ? 0 : image.0))
        })
    }
    let results = try StudyExample.results(
      [fold("a", [1, 2, 10, 11], ["cyst", "polyp", "polyp", nil]), fold("b", [0, 1], [nil, "cyst"])],
      methods: ["only"])
    let found = results.strata.map { "\($0.kind.rawValue) \($0.name) \($0.count) \($0.groups)" }
    #expect(
      found == [
        "class cyst 2 2", "class polyp 2 2", "size small 2 2", "size medium 2 2", "size large 1 1",
        "reference lesion 5 3",
        "reference empty 1 1",
      ])
    #expect(results.strata.map { $0.methods[0].dice.value } == [0, 1, 0, 1, 1, 0.6, 1])
    #expect(results.ranks == nil && results.differences.isEmpty && results.verdicts.isEmpty)
    #expect(results.sites[1].countEmptyReference == 1 && results.sites[0].classes == ["cyst": 1, "polyp": 2])
  }

  @Test("Undefined scores are left out, and a site where none is defined does not count over the sites")
  func undefined() throws {
    func fold(_ site: String, hits: [Int]) throws -> FoldResult {
      FoldResult(
        site: site, method: "only", seed: 0, epoch: 1, validationDice: nil, seconds: 1,
        images: try hits.enumerated().map {
          .init(
            image: "\($0)", group: "\($0)", lesionClass: nil,
            scores: try StudyExample.scores(lesion: 4, hits: $1))
        })
    }
    let results = try StudyExample.results(
      [fold("a", hits: [4, 4, 4, 0, 4, 4, 4]), fold("b", hits: [0, 0])], methods: ["only"])
    let distance = try results.places.map { try #require(results.score("only", site: $0)?[.hd95]) }
    #expect(distance.map(\.count) == [6, 0, 1])
    #expect(
      distance.map(\.interval) == [.init(value: 0, low: 0, high: 0), nil, .init(value: 0, low: 0, high: 0)])
    #expect(results.score("only")?.familiar == nil)
  }

  @Test("Patients are resampled whole, and tested as one pair each")
  func groups() throws {
    let groups = ["p", "q", "r", "s", "t", "u"].flatMap { [$0, $0, $0] }
    let better = (0..<18).map { $0 < 9 ? 0.5 : 0 }
    let folds = try [
      StudyExample.fold("a", "x", dice: better.map { _ in 0 }, groups: groups),
      StudyExample.fold("a", "y", dice: better, groups: groups),
    ]
    let results = try StudyExample.results(folds, methods: ["x", "y"])
    let difference = try #require(results.difference("y", "x", site: "a"))
    #expect(difference.groups == 6 && difference.wins == 3 && difference.ties == 3)
    // Of six groups one of the better in 9 % of draws, none in 2 %.
    let ends = try #require(difference.interval.ends)
    #expect(abs(ends.lowerBound - 0.5 / 6) < 1e-9 && abs(ends.upperBound - 2.5 / 6) < 1e-9)
  }

  @Test("Of up to six methods every pair is compared, of more each with the first")
  func pairs() throws {
    func pairs(_ count: Int) throws -> [StudyResults.Difference] {
      let names = (0..<count).map { "m\($0)" }
      let folds = try names.map { try StudyExample.fold("a", $0, dice: [1, 0.5]) }
      return try StudyExample.results(folds, methods: names).differences.filter {
        $0.metric == .iou && $0.site == nil
      }
    }
    #expect(try pairs(6).count == 15)
    #expect(try pairs(7).map(\.reference) == Array(repeating: "m0", count: 6))
  }

  @Test("A study refuses what it cannot be made of, and names it")
  func refused() throws {
    let (a, b) = (try StudyExample.fold("a", "x", dice: [1]), try StudyExample.fold("b", "x", dice: [1]))
    func results(_ folds: [FoldResult], _ methods: [String] = ["x"]) throws -> StudyResults {
      try StudyExample.results(folds, methods: methods)
    }
    #expect(throws: MetricError.noCases("a study")) { try results([]) }
    #expect(throws: MetricError.notOneFold(site: "a", method: "x", seed: 0, found: 2)) {
      try results([a, a])
    }
    #expect(throws: MetricError.notOneFold(site: "b", method: "y", seed: 0, found: 0)) {
      try results([a, b, StudyExample.fold("a", "y", dice: [1])], ["x", "y"])
    }
    #expect(throws: MetricError.unlistedMethod("x", listed: ["y"])) { try results([a], ["y"]) }
    for other in [[1.0], [1, 1, 1]] {
      #expect(throws: MetricError.differentImages(site: "a")) {
        try results(
          [StudyExample.fold("a", "x", dice: [1, 0]), StudyExample.fold("a", "y", dice: other)], ["x", "y"])
      }
    }
    let mixed = FoldResult(
      site: "a", method: "y", seed: 0, epoch: 1, validationDice: nil, seconds: 1,
      images: [
        .init(
          image: "0", group: "0", lesionClass: nil,
          scores: try StudyExample.scores(lesion: 3, hits: 3, tolerance: 5))
      ])
    #expect(throws: MetricError.mixedTolerances(2, 5)) { try results([a, mixed], ["x", "y"]) }
  }
}
