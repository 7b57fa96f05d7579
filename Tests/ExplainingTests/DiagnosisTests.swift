import Datasets
import Foundation
import Reporting
import SyntheticEndoscopy
import Testing
import TestSupport
import Torch

@testable import Explaining
@testable import Training

@Suite("Diagnosis")
struct DiagnosisTests {
  @Test("Samples are spread evenly, in their order, and all taken where there are few")
  func spread() throws {
    let samples = try TinyRun.sites.get()[0].samples
    #expect(DiagnosisImages.spread(samples, 4).map(\.id) == [0, 10, 20, 30].map { samples[$0].id })
    #expect(DiagnosisImages.spread(samples, 100) == samples && DiagnosisImages.spread([], 4).isEmpty)
  }

  @Test("A confounder counts as present from the strength that captions name it from")
  func strength() throws {
    #expect(Faithfulness.presentFrom == Draw.visibleStrength)
    let samples = try TinyRun.sites.get().flatMap(\.allSamples)
    let known = try KnownConfounders(samples.map(\.image))
    let all = Set(Confounder.allCases.map(\.rawValue))
    #expect(!known.names.isEmpty && known.names.allSatisfy(all.contains))
    let strengths = samples.compactMap { known.strengths(of: $0.image) }
    #expect(strengths.count == samples.count && strengths.contains { $0.values.contains { $0 >= 0.3 } })
  }
}

/// What the diagnosis of the study of `StudyFiguresTests` must say: three sites, baseline and MCDRL, eight test images a site.
func expectDiagnosis(_ stored: StoredFigures) throws {
  let sites = ["site-a", "site-b", "site-c"]
  let probes = try #require(stored.probes)
  #expect(probes.methods == ["baseline", "mcdrl"] && probes.rows.count == 6)
  for row in probes.rows {
    // Of every site the images that it is scored on: none was trained on.
    #expect(row.seed == 3 && row.count == 24 && row.trained == 0)
    let before = try #require(row.site.before)
    #expect(
      before.count == 24 && abs(before.chance - 1 / 3) < 1e-12 && (0...1).contains(before.balancedAccuracy))
    #expect((row.site.after == nil) == (row.method == "baseline"))
    #expect(before.balancedChance == 1.0 / 3)
    // Without an intervention the head is handed F; with one, F_ca and the positions that were not selected.
    let head = try #require(row.site.head)
    if row.method == "baseline" {
      #expect(head == before && row.meanConfounder.head == row.meanConfounder.before)
    }
    #expect(!row.confounders.isEmpty)
    #expect(
      row.confounders.allSatisfy {
        ($0.score.after == nil) == (row.method == "baseline" || $0.score.before == nil)
      })
  }
  // A frozen tower: all positions before the intervention are the same whatever is trained behind it, and so is every
  // model's score of them.
  let baselines = probes.rows.filter { $0.method == "baseline" }
  #expect(Set(baselines.map(\.heldOut)).count == 3)
  #expect(baselines.allSatisfy { $0.site.before == baselines[0].site.before })

  let erasure = try #require(stored.erasure)
  #expect(erasure.methods == ["baseline", "mcdrl"] && erasure.rows.map(\.site) == sites + sites)
  for row in erasure.rows {
    #expect(row.count == 8 && row.entries.count == 12 && row.seed == 3)
    let parts = row.entries + [row.random]
    #expect((parts + [row.all]).allSatisfy { (0...1).contains($0.dice) && $0.taken > 0 && $0.taken < 1 })
    // Twelve directions take more than any of them.
    #expect(row.entries.allSatisfy { $0.taken < row.all.taken })
  }
  // A frozen tower: what is taken does not depend on what is trained behind it.
  for (one, other) in zip(erasure.rows.prefix(3), erasure.rows.suffix(3)) {
    #expect(zip(one.entries, other.entries).allSatisfy { abs($0.taken - $1.taken) < 1e-9 })
  }
  let adjustment = try #require(stored.adjustment)
  #expect(adjustment.rows.map(\.site) == sites && adjustment.imageSize == 32)
  for row in adjustment.rows {
    #expect(row.method == "mcdrl" && row.count == 8 && row.prior.count == 12)
    #expect(row.forms.map(\.name) == ["attention", "prior", "exact"])
    #expect(row.forms.map(\.trained) == [true, false, false])
    // P(z) is uniform: to add the same to every logit changes nothing.
    #expect(abs(row.forms[0].difference - row.forms[1].difference) < 1e-6)
    #expect(row.forms.allSatisfy { $0.difference > 0 && $0.difference < 1 && (0...1).contains($0.agreement) })
  }

  let coverage = try #require(stored.coverage)
  #expect(coverage.rows.map(\.heldOut) == sites && coverage.methods == ["mcdrl"])
  for row in coverage.rows {
    #expect(row.count == 24 && row.sites.map(\.site) == sites && row.entries.count == 12)
    #expect(row.sites.allSatisfy { $0.nearest.count == 12 && (0...1).contains($0.coordinates) })
    #expect(row.entries.allSatisfy { $0.bySite.keys.sorted() == sites })
  }
}
