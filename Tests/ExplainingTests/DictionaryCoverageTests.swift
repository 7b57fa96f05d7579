import Foundation
import Testing
import Torch

@testable import Explaining
@testable import Reporting
@testable import Statistics
@testable import Studies

/// A constructed world: images in 12 dimensions, two words along the first two axes; site a moves along the first word, site b along an
/// axis that no word has, site c is like the rest.
@Suite("Dictionary coverage")
struct DictionaryCoverageTests {
  private static let words = ["mucus", "blood"]

  private func coverage() throws -> DictionaryCoverage {
    let names = ["a", "b", "c", "d"]
    let sites = (0..<200).map { names[$0 % 4] }
    func unit(_ axis: Int) -> [Float] { (0..<12).map { $0 == axis ? 1 : 0 } }
    let moves = ["a": unit(0).map { $0 * 4 }, "b": unit(7).map { $0 * 4 }]
    let shift = try Tensor(sites.flatMap { moves[$0] ?? unit(-1) }, shape: [200, 12])
    let points = try Tensor.randomNormal([200, 12], generator: Generator(seed: 8)) + shift
    let entries = try Tensor(unit(0) + unit(1), shape: [2, 12])
    // What an intervention that subtracts the words it has would leave.
    func without(_ axes: [Int]) throws -> Tensor {
      try points * Tensor((0..<12).map { axes.contains($0) ? Float(0) : 1 }, shape: [1, 12])
    }
    return try #require(
      try DictionaryCoverage(
        .init(
          before: points, after: without([0, 1]), without: [without([1]), without([0])], embedding: points,
          coordinates: points.matmul(entries.transposed()), sites: sites, groups: (0..<200).map(String.init)),
        names: Self.words))
  }

  @Test(
    "A site that moves along a word is hidden by it; one that moves where no word points is found to lack one"
  )
  func constructed() throws {
    let coverage = try coverage()
    let places = Dictionary(uniqueKeysWithValues: coverage.sites.map { ($0.site, $0) })
    let (a, b, c) = (try #require(places["a"]), try #require(places["b"]), try #require(places["c"]))
    #expect(a.before > 0.95 && a.features < 0.75 && a.coordinates > 0.95)
    #expect(b.before > 0.95 && b.features > 0.95 && b.coordinates < 0.7 && b.embedding > 0.95)
    #expect(c.features < 0.8)
    #expect(CoverageFigure.finding(a) == .hidden && CoverageFigure.finding(b) == .unexplained)
    // That site a is not site b is told by b alone: hence more than 0.5.
    // The same site before the intervention: the words are there.
    let before = CoverageFigure.Place(
      site: "a", before: a.before, features: a.before, embedding: 1, coordinates: a.coordinates, nearest: [])
    #expect(CoverageFigure.finding(before) == .explained)
    #expect(a.nearest.first?.name == "mucus" && (a.nearest.first?.shift ?? 0) > 3)
    #expect(b.nearest.allSatisfy { abs($0.shift) < 1 })
    // Mucus hid site a, blood hid nothing.
    #expect(coverage.entries.map(\.name) == Self.words)
    #expect((coverage.entries[0].bySite["a"] ?? 0) > 0.2 && abs(coverage.entries[1].bySite["a"] ?? 1) < 0.1)
    #expect(coverage.entries[0].change > coverage.entries[1].change + 0.05)
  }

  @Test("The entry along which a site moves explains it alone; another site has no such entry")
  func alone() throws {
    let places = Dictionary(uniqueKeysWithValues: try coverage().sites.map { ($0.site, $0) })
    let (a, b) = (try #require(places["a"]), try #require(places["b"]))
    let best = try #require(a.entriesAlone?.first)
    #expect(best.name == "mucus" && best.area > 0.95)
    // Site a does not move along blood.
    #expect(a.entriesAlone?.count == 2 && (a.entriesAlone?.last?.area ?? 1) < 0.65)
    func figure(_ features: Double, _ place: CoverageFigure.Place, alone: Bool = true) -> CoverageFigure {
      let place = CoverageFigure.Place(
        site: place.site, before: 1, features: features, embedding: 1, coordinates: place.coordinates,
        nearest: place.nearest, entriesAlone: alone ? place.entriesAlone : nil)
      let row = CoverageFigure.Row(
        method: "mcdrl", seed: 0, heldOut: "d", count: 200, sites: [place], entries: [])
      return CoverageFigure(fingerprint: "f", images: "all", rows: [row, row])
    }
    #expect(figure(1, a).explained("mcdrl")?["mucus"]?.map(\.site) == ["a"])
    let advice = figure(1, a).advice("mcdrl")
    #expect(advice.contains { $0.hasPrefix("One entry alone explains these sites: a (mucus") })
    // A site that features do not tell apart needs no entry.
    #expect(figure(0.7, a).explained("mcdrl")?.isEmpty == true)
    #expect(figure(1, b).explained("mcdrl")?.isEmpty == true)
    #expect(figure(1, b).advice("mcdrl").contains { $0.hasPrefix("No entry alone explains these sites") })
    // The best entry may explain a site that the probe of all entries does not: the advice does not
    // ask for another entry.
    let probed = CoverageFigure.Place(
      site: "a", before: 1, features: 0.9, embedding: 1, coordinates: 0.6, nearest: [],
      entriesAlone: [.init(name: "mucus", area: 0.8), .init(name: "blood", area: 0.5)])
    #expect(CoverageFigure.finding(probed) == .explained)
    let lines = figure(0.9, probed).advice("mcdrl")
    #expect(!lines.contains { $0.contains("add a prompt") } && lines.contains { $0.contains("entries 0.80") })
    #expect(try String(decoding: JSONEncoder().encode(probed), as: UTF8.self).contains("\"entries_alone\""))
    // A figure of an earlier version has no such part, and stays readable.
    let old = figure(1, a, alone: false)
    let data = try JSONEncoder().encode(old)
    #expect(!String(decoding: data, as: UTF8.self).contains("alone"))
    #expect(try JSONDecoder().decode(CoverageFigure.self, from: data) == old)
    #expect(old.explained("mcdrl") == nil)
    var page = HTMLPage(title: "t", lead: "l")
    page.coverage(old)
    page.coverage(figure(1, a))
    #expect(page.text.contains("best entry alone") && page.text.contains(", explains"))
  }

  @Test("The advice names the site that lacks a word, its figures, and what to do")
  func advice() throws {
    let coverage = try coverage()
    let row = { (site: String) in
      CoverageFigure.Row(
        method: "mcdrl", seed: 0, heldOut: site, count: 200, sites: coverage.sites, entries: coverage.entries)
    }
    let figure = CoverageFigure(fingerprint: "f", images: "all", rows: [row("a"), row("b")])
    let lines = figure.advice("mcdrl")
    let first = try #require(lines.first)
    #expect(first.hasPrefix("Site b is told apart by its features (AUC 1.00) but not by the 2 entries (0."))
    #expect(
      first.contains("add a prompt for what they share") && !first.contains("hardly tells it apart either"))
    #expect(lines.contains { $0.hasPrefix("Not told apart") && $0.contains("a (") })
    #expect(
      figure.changes("mcdrl").first?.name == "mucus" && figure.changes("mcdrl").first?.change.count == 2)
    var page = HTMLPage(title: "t", lead: "l")
    page.coverage(figure)
    #expect(page.text.contains("Site b is told apart") && page.text.contains("<h3>mcdrl</h3>"))
    // Where the embedding is as blind as the words, another sentence would not reach it.
    let blind = CoverageFigure.Place(
      site: "b", before: 1, features: 0.97, embedding: 0.6, coordinates: 0.55,
      nearest: [.init(name: "blood", shift: -0.4)])
    let blindRow = CoverageFigure.Row(
      method: "mcdrl", seed: 0, heldOut: "a", count: 9, sites: [blind], entries: coverage.entries)
    let text = CoverageFigure(fingerprint: "f", images: "all", rows: [blindRow]).advice("mcdrl").joined()
    #expect(text.contains("blood (−0.40 deviations)") && text.contains("hardly tells it apart either (0.60)"))
  }
}
