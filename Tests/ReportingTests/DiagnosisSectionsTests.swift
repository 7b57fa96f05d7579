import Foundation
import Testing
import Torch

@testable import Explaining
@testable import Reporting
@testable import Statistics
@testable import Studies

@Suite("Sections of the diagnosis")
struct DiagnosisSectionsTests {
  private func score(_ value: Double, present: Int? = nil) -> ProbeScore {
    ProbeScore(
      count: 60, present: present, classes: present == nil ? 4 : 2, accuracy: value, balancedAccuracy: value,
      area: value, chance: 0.25)
  }

  /// The head is handed F_ca, or F.
  private func row(
    _ method: String, _ heldOut: String, _ site: (Double, Double?), _ blur: (Double, Double?)?,
    count: Int = 60
  ) -> ProbeFigure.Row {
    func layers(_ values: (Double, Double?), present: Int? = nil) -> ProbeFigure.Layers<ProbeScore> {
      .init(
        before: score(values.0, present: present), after: values.1.map { score($0, present: present) },
        head: score(values.1 ?? values.0, present: present))
    }
    return ProbeFigure.Row(
      method: method, seed: 3, heldOut: heldOut, count: count, trained: 0,
      site: layers(site),
      confounders: blur.map { blur in
        [
          .init(name: "blur", score: layers(blur, present: 20)),
          .init(name: "far", score: .init(before: nil, after: nil, head: nil)),
        ]
      } ?? [])
  }

  private func figure(_ rows: [ProbeFigure.Row]) -> ProbeFigure {
    ProbeFigure(fingerprint: "f", images: "all", folds: 5, weight: 0.1, rows: rows)
  }

  @Test("Probes are shown by method with their spread, before and after, and each confounder")
  func probes() {
    var page = HTMLPage(title: "t", lead: "l")
    page.probes(
      figure([
        row("baseline", "a", (0.8, nil), (0.9, nil)), row("baseline", "b", (0.6, nil), (0.7, nil)),
        row("mcdrl", "a", (0.8, 0.5), (0.9, 0.7)), row("mcdrl", "b", (0.6, 0.5), (0.7, 0.6)),
      ]))
    let text = page.text
    #expect(
      text.contains(
        "<td>baseline</td><td>0.700 ± 0.141</td><td>–</td><td>0.700 ± 0.141</td>"
          + "<td>0.800 ± 0.141</td><td>–</td><td>0.800 ± 0.141</td>"))
    #expect(text.contains("<td>mcdrl</td><td>0.700 ± 0.141</td><td>0.500 ± 0.000</td><td>0.500"))
    #expect(text.contains("standard error of up to 0.065"))
    #expect(
      text.contains(
        "At the head the site is read with 0.500, with baseline 0.700; the confounders with 0.650, with baseline 0.800."
      ))
    #expect(text.contains("guessing reaches 0.250") && text.contains("guessing reaches 0.5."))
    #expect(text.contains("<td>blur</td><td>20</td>") && text.contains("<td>far</td><td>–</td>"))
    #expect(
      text.contains(
        "for the site by −0.200 (lower with 2 of 2 held-out sites), for the confounders by −0.150"))
    #expect(text.contains("It takes out some of what it is meant to take out."))
  }

  @Test(
    "A method that leaves site and confounders readable is told so, and one that takes out one of them as well"
  )
  func conclusions() {
    let none = figure([row("mcdrl", "a", (0.8, 0.9), (0.9, 0.95)), row("mcdrl", "b", (0.8, 0.7), (0.9, 0.9))])
    #expect(
      none.conclusions.count == 1 && none.conclusions[0].contains("if it wins, it does not win by that"))
    // A fall that chance may make does not count.
    let slight = figure([row("mcdrl", "a", (0.8, 0.795), nil)])
    #expect(slight.conclusions[0].contains("It does not take them out"))
    // Of 60 images a share is uncertain by 0.065, of 10,000 by 0.005, where 0.02 is asked for.
    let fall: (Double, Double?) = (0.80, 0.75)
    #expect(figure([row("mcdrl", "a", fall, nil)]).conclusions[0].contains("It does not take them out"))
    let many = figure([row("mcdrl", "a", fall, nil, count: 10_000)])
    #expect(many.noticeable == 0.02 && many.conclusions[0].contains("It takes out some of what"))
    #expect(
      figure([row("mcdrl", "a", (0.8, 0.785), nil, count: 10_000)]).conclusions[0]
        .contains("It does not take them out"))
    let half = figure([row("mcdrl", "a", (0.8, 0.7), (0.9, 0.95))])
    #expect(half.conclusions[0].contains("It takes out some of the site, and not of the confounders."))
    #expect(figure([row("baseline", "a", (0.8, nil), nil)]).conclusions.isEmpty)
    var page = HTMLPage(title: "t", lead: "l")
    page.probes(figure([row("mcdrl", "a", (0.8, 0.9), nil)]))
    #expect(page.text.contains("does not say which confounders") && !page.text.contains("confounders: F"))
  }

  @Test("Each erased confounder stands with its mean change of Dice and its spread over sites")
  func erasure() {
    func row(_ method: String, _ site: String, _ dice: Double, _ blur: Double) -> ErasureFigure.Row {
      func entry(_ name: String, _ dice: Double) -> ErasureFigure.Entry {
        ErasureFigure.Entry(name: name, dice: dice, taken: 0.1)
      }
      return ErasureFigure.Row(
        method: method, seed: 1, site: site, count: 30, dice: dice,
        entries: [entry("blur", blur), entry("dark", dice)], all: entry("all", 0.1),
        random: entry("random", dice + 0.01))
    }
    var page = HTMLPage(title: "t", lead: "l")
    page.erasure(
      ErasureFigure(
        fingerprint: "f", limit: 100, scored: 30, imageSize: 64,
        rows: [
          row("baseline", "a", 0.5, 0.4), row("baseline", "b", 0.7, 0.7), row("mcdrl", "a", 0.6, 0.62),
        ]))
    #expect(page.text.contains("−0.050 ± 0.071") && page.text.contains("+0.020"))
    #expect(page.text.contains("+0.010 ± 0.000") && page.text.contains("−0.500"))
    #expect(page.text.contains("a random direction") && page.text.contains("at most 30 images"))
    var empty = HTMLPage(title: "t", lead: "l")
    let before = empty.text
    empty.erasure(ErasureFigure(fingerprint: "f", limit: 1, scored: 1, imageSize: 1, rows: []))
    #expect(empty.text == before)
  }

  @Test("The adjustment's gap stands by site, and the form that was trained is marked")
  func adjustment() {
    func form(_ name: String, _ trained: Bool, _ difference: Double) -> AdjustmentFigure.Form {
      .init(name: name, trained: trained, difference: difference, deviation: 0.002, agreement: 0.9, dice: 0.5)
    }
    func figure(_ prior: [Double]) -> AdjustmentFigure {
      AdjustmentFigure(
        fingerprint: "f", limit: 30, imageSize: 96,
        rows: [
          .init(
            method: "mcdrl", seed: 0, site: "a", count: 24, prior: prior, dice: 0.55,
            forms: [form("attention", true, 0.0312), form("exact", false, 0.0101)])
        ])
    }
    var page = HTMLPage(title: "t", lead: "l")
    page.adjustment(figure([0.5, 0.5]))
    let row = "<td>mcdrl</td><td>a</td><td>24</td>"
    #expect(
      page.text.contains(
        row + "<td>attention *</td><td>0.0312 ± 0.0020</td><td>0.900</td><td>0.500</td><td>0.550</td>")
        && page.text.contains(row + "<td>exact</td><td>0.0101 ± 0.0020</td>")
        && page.text.contains("attention and prior are the same"))
    page = HTMLPage(title: "t", lead: "l")
    page.adjustment(figure([0.7, 0.3]))
    #expect(!page.text.contains("attention and prior are the same"))
  }

  @Test("Probes that did not come to their minimum are counted on the page; older files do not say")
  func unconverged() throws {
    let good = score(0.8)
    let bad = ProbeScore(
      count: 60, classes: 4, accuracy: 0.5, balancedAccuracy: 0.5, area: nil, chance: 0.25, converged: false)
    let probes = figure([
      ProbeFigure.Row(
        method: "mcdrl", seed: 0, heldOut: "a", count: 60, trained: 0,
        site: .init(before: bad, after: good, head: nil),
        confounders: [.init(name: "blur", score: .init(before: bad, after: nil, head: good))])
    ])
    #expect(probes.unconverged == 2)
    var page = HTMLPage(title: "t", lead: "l")
    page.probes(probes)
    #expect(page.text.contains("2 of the probes did not come to their minimum"))
    page = HTMLPage(title: "t", lead: "l")
    page.probes(figure([row("mcdrl", "a", (0.8, 0.5), nil)]))
    #expect(!page.text.contains("did not come to their minimum"))
    let encoder = JSONEncoder()
    // So that the key to be taken out is not the last one.
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(bad), as: UTF8.self)
    #expect(text.contains("\"converged\":false"))
    #expect(try JSONDecoder().decode(ProbeScore.self, from: Data(text.utf8)) == bad)
    let older = text.replacingOccurrences(of: "\"converged\":false,", with: "")
    try #require(older != text)
    #expect(try JSONDecoder().decode(ProbeScore.self, from: Data(older.utf8)).converged)
  }

  @Test("Figures of the diagnosis are read as they were written")
  func stored() throws {
    let probes = figure([row("mcdrl", "a", (0.8, nil), (0.9, 0.95))])
    let text = try JSONEncoder().encode(probes)
    #expect(try JSONDecoder().decode(ProbeFigure.self, from: text) == probes)
    // Nothing after it is null, not absent.
    #expect(String(decoding: text, as: UTF8.self).contains("\"after\":null"))
  }
}
