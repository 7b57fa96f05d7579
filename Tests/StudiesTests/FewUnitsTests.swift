import Foundation
import Storage
import TestSupport
import Testing

@testable import Metrics
@testable import Statistics
@testable import Studies

/// Studies from which nothing may be concluded.
@Suite("Studies of few patients, or of models that mark nothing")
struct FewUnitsTests {
  /// Three sites; the second has as many patients as stated, of six images each.
  private func study(patients: Int) throws -> StudyResults {
    let folds = try ["a", "b", "c"].flatMap { site in
      let groups = (0..<(site == "b" ? patients : 8)).flatMap { patient in
        Array(repeating: "\(site)\(patient)", count: 6)
      }
      return try [
        StudyExample.fold(site, "baseline", dice: groups.map { _ in 0.5 }, groups: groups),
        StudyExample.fold(site, "mcdrl", dice: groups.map { _ in 1 }, groups: groups),
        StudyExample.fold(site, "other", dice: groups.map { _ in 0 }, groups: groups),
      ]
    }
    return try StudyExample.results(folds, methods: ["baseline", "mcdrl", "other"])
  }

  @Test(
    "A site of fewer than six patients has no interval, no test and no claim; nor has the mean over sites",
    arguments: [1, 2, 5])
  func fewPatients(patients: Int) throws {
    let results = try study(patients: patients)
    for site in ["b", nil] {
      let difference = try #require(results.difference("mcdrl", "baseline", site: site))
      #expect(difference.value == 0.5 && difference.low == nil && difference.high == nil)
      #expect(!difference.isDifference && difference.verdict.contains("cannot be compared"))
      let reason = try #require(difference.reason)
      #expect(reason.hasPrefix("\(patients) independent patient") && difference.verdict.contains(reason))
      let score = try #require(results.score("mcdrl", site: site)?[.dice])
      #expect(score.low == nil && score.reason == reason && score.interval?.text == "1.000 (no interval)")
    }
    #expect(try #require(results.difference("mcdrl", "baseline", site: "b")).wilcoxon == nil)
    // The groups of all sites are enough for their own test.
    #expect(try #require(results.difference("mcdrl", "baseline")).wilcoxon != nil)
    #expect(results.difference("mcdrl", "baseline", site: "a")?.isDifference == true)
    #expect(results.ranks?.reason != nil && results.ranks?.methods.map(\.rank) == [2, 1, 3])
    #expect(results.strata.allSatisfy { $0.methods.allSatisfy { $0.dice.ends == nil } })
    let note = try #require(results.intervalNote)
    #expect(note.hasPrefix("No interval: \(patients) independent"))
    #expect(!results.verdicts.contains { $0.contains("ahead") || $0.contains("behind") })

    let json = try JSONValue(encoding: results)
    #expect(try SchemaCheck(Project.file("docs/reference/results.schema.json")).faults(in: json) == [])
    let text = String(decoding: try StudyDocumentTests.bytes(results), as: UTF8.self)
    #expect(text.contains("\"low\":null") && text.contains("an interval needs 6"))
    #expect(try JSONDecoder().decode(StudyResults.self, from: Data(text.utf8)) == results)
  }

  @Test("Six patients at each site are enough")
  func enough() throws {
    let results = try study(patients: 6)
    #expect(results.intervalNote == nil && results.ranks?.reason == nil)
    #expect(results.verdicts[0].hasPrefix("mcdrl is ahead of baseline by +0.500 (no spread)"))
  }

  @Test("A site where a score is defined for few patients has no interval of that score alone")
  func undefinedForMost() throws {
    // Precision needs a mark, which five of nine images have.
    let dice = [1.0, 1, 1, 1, 1, 0, 0, 0, 0]
    let results = try StudyExample.results([StudyExample.fold("a", "x", dice: dice)], methods: ["x"])
    let score = try #require(results.score("x", site: "a"))
    #expect(score[.precision]?.count == 5 && score[.precision]?.low == nil)
    #expect(score[.precision]?.reason?.hasPrefix("5 independent") == true && score[.dice]?.low != nil)
  }

  /// Two images with a lesion and one without, by what is marked of 3 lesion pixels and beside them.
  private func folds(_ method: String, hits: Int, extra: Int = 0) throws -> [FoldResult] {
    let lesions = [3, 3, 0, 3, 0, 3]
    return try ["a", "b"].map { site in
      FoldResult(
        site: site, method: method, seed: 0, epoch: 1, validationDice: 0.5, seconds: 1,
        trivial: try StudyExample.trivial(lesions),
        images: try lesions.enumerated().map { index, lesion in
          .init(
            image: "\(index)", group: "\(index)", lesionClass: nil,
            scores: try StudyExample.scores(
              lesion: lesion, hits: min(hits, lesion), extra: lesion == 0 ? 0 : extra))
        })
    }
  }

  @Test("Predictors that ignore the image stand in the tables, over all images and over those with a lesion")
  func trivial() throws {
    let results = try StudyExample.results(
      folds("baseline", hits: 1) + folds("mcdrl", hits: 3), methods: ["baseline", "mcdrl"])
    #expect(
      results.headline.headings
        == [
          "held-out site", "n", "baseline", "mcdrl", "difference", "all background", "all lesion",
          "mean training mask",
        ])
    // An empty mask is right on two of six images.
    #expect(results.headline.rows.map { $0[5] } == ["0.333", "0.333", "0.333"])
    let lesion = results.lesionHeadline
    #expect(lesion.rows.map { $0[1] } == ["4", "4", "8"] && lesion.rows[2][4] == "0.000")
    #expect(lesion.rows[2][3] == "1.000 (no interval)", "four images with a lesion are too few")
    let all = try #require(results.trivial(at: nil).first)
    #expect(abs(all.dice - 1.0 / 3) < 1e-12 && all.diceWithLesion == 0)
    #expect(results.findings.isEmpty)
    // A study of an earlier version has none.
    let earlier = try StudyExample.results(
      [StudyExample.fold("a", "x", dice: [1, 0.5])], methods: ["x"])
    #expect(earlier.trivial == nil && earlier.headline.headings == ["held-out site", "n", "x"])
  }

  @Test("Arms that mark nothing are not compared, and each is said to mark nothing")
  func nothingMarked() throws {
    let methods = ["baseline", "mcdrl"]
    let empty = try StudyExample.results(
      folds("baseline", hits: 0) + folds("mcdrl", hits: 0), methods: methods)
    #expect(empty.verdicts == ["No model marked anything, so nothing can be compared."])
    #expect(
      empty.findings.filter { $0.contains(" marks nothing on 4 of 4 images with a lesion at ") }.count == 2)
    let beside = try StudyExample.results(
      folds("baseline", hits: 0, extra: 5) + folds("mcdrl", hits: 0), methods: methods)
    #expect(beside.verdicts.first?.hasPrefix("No mark of any model touches a lesion") == true)
    let one = try StudyExample.results(
      folds("baseline", hits: 0) + folds("mcdrl", hits: 3), methods: methods)
    #expect(one.verdicts.first?.hasPrefix("mcdrl is ahead") == true)
    #expect(one.findings.first?.hasPrefix("baseline marks nothing") == true)
  }
}
