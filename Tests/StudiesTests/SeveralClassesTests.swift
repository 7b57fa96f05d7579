import Foundation
import Testing
import TestSupport

@testable import Metrics
@testable import Studies

@Suite("Studies of several classes")
struct SeveralClassesTests {
  /// A fold of seven images, of which each has two classes; `dice` of the class of 3 pixels is 0, 0.5 or 1.
  private func fold(_ site: String, _ method: String, folds: Double, lesion: Double) throws -> FoldResult {
    let hits = [0: 0, 0.5: 1, 1: 3]
    return FoldResult(
      site: site, method: method, seed: 0, epoch: 1, validationDice: 0.5, seconds: 1,
      images: try (0..<7).flatMap { index in
        try [("folds", folds), ("pathology", lesion)].map { name, dice in
          FoldResult.Image(
            image: "\(index)", group: "\(site)/\(index)", lesionClass: name,
            scores: try StudyExample.scores(lesion: 3, hits: hits[dice] ?? 0))
        }
      })
  }

  @Test("An image counts once for each class, in one group, and the strata hold the classes")
  func pairs() throws {
    let folds = try ["a", "b"].flatMap { site in
      try [
        fold(site, "baseline", folds: 1, lesion: 0), fold(site, "mcdrl", folds: 1, lesion: 0.5),
      ]
    }
    let results = try StudyExample.results(folds, methods: ["baseline", "mcdrl"])
    #expect(results.sites.map(\.count) == [14, 14] && results.sites.map(\.groups) == [7, 7])
    #expect(results.sites[0].classes == ["folds": 7, "pathology": 7])
    #expect(results.score("baseline")?[.dice]?.mean == 0.5)
    #expect(results.score("mcdrl", site: "a")?[.dice]?.mean == 0.75)
    let difference = try #require(results.difference("mcdrl", "baseline"))
    #expect(difference.value == 0.25 && difference.groups == 14)
    let classes = results.strata.filter { $0.kind == .lesionClass }
    #expect(classes.map(\.name) == ["folds", "pathology"] && classes.map(\.count) == [14, 14])
    #expect(classes.map { $0.methods.map(\.dice.value) } == [[1, 1], [0, 0.5]])
    let table = try PerImageTable(folds).csv.split(whereSeparator: \.isNewline)
    #expect(table.count == 1 + 4 * 14 && table[1].hasPrefix("a,0,a/0,folds,baseline,0,"))
  }

  @Test("Runs with another order of classes are not paired, and an image counts once as a unit")
  func compared() throws {
    let (one, other) = try (fold("a", "one", folds: 1, lesion: 0), fold("a", "other", folds: 1, lesion: 0))
    func compare(_ images: [FoldResult.Image]) throws -> RunComparison {
      try RunComparison([.init(site: "a", arms: [("one", [one.images]), ("other", [images])])])
    }
    let site = try #require(try compare(other.images).sites.first)
    #expect(site.count == 14 && site.images == 7 && site.groups == 7)
    #expect(throws: StudyError.otherImages(site: "a")) { try compare(other.images.reversed()) }
    let swapped = stride(from: 0, to: 14, by: 2).flatMap { [other.images[$0 + 1], other.images[$0]] }
    #expect(throws: StudyError.otherImages(site: "a")) { try compare(swapped) }
  }

  @Test("Folds of other classes are not of the same images")
  func others() throws {
    let one = try fold("a", "baseline", folds: 1, lesion: 0)
    let other = FoldResult(
      site: "a", method: "mcdrl", seed: 0, epoch: 1, validationDice: nil, seconds: 1,
      images: one.images.filter { $0.lesionClass == "folds" })
    #expect(throws: MetricError.differentImages(site: "a")) {
      try StudyExample.results([one, other], methods: ["baseline", "mcdrl"])
    }
  }

  @Test("An arm cannot have classes of its own")
  func arms() throws {
    let text = StudyError.classesOfArm("second").description
    #expect(text.contains("second") && text.contains("--set classes"))
  }
}
