import CLIP
import Confounders
import Datasets
import Foundation
import TestSupport
import Testing
import Torch

@testable import Explaining

/// A constructed world of 180 images of three sites in 40 numbers.
///
/// Site a moves along the first number, which the first of two entries measures. Where asked, site b
/// moves along the sixth, which no entry measures.
@Suite("Uncovered directions")
struct UncoveredDirectionsTests {
  private let sites = (0..<180).map { ["a", "b", "c"][$0 % 3] }
  private let groups = (0..<180).map(String.init)

  private func world(planted: Bool) throws -> (features: Tensor, measures: Tensor) {
    let shift = sites.flatMap { site in
      (0..<40).map { $0 == 0 && site == "a" ? Float(4) : planted && $0 == 5 && site == "b" ? 3 : 0 }
    }
    let features = try Tensor.seeded([180, 40], 21) + Tensor(shift, shape: [180, 40])
    let first = try features.narrowed(dim: 1, start: 0, length: 1)
    return (features, try .concatenated([first, .seeded([180, 1], 22)], dim: 1))
  }

  private func found(
    _ world: (features: Tensor, measures: Tensor), count: Int = 3
  ) throws -> UncoveredDirections {
    try UncoveredDirections(
      world.features, measures: world.measures, sites: sites, groups: groups, count: count)
  }

  private func correlation(_ scores: [Double], _ features: Tensor, _ column: Int) throws -> Double {
    try UncoveredDirections.correlations(scores, features)[column]
  }

  @Test("A direction that no entry measures is found as the first, and tells its site apart")
  func planted() throws {
    let world = try world(planted: true)
    let found = try found(world)
    // Three sites have two directions.
    #expect(found.directions.count == 2)
    let first = try #require(found.directions.first)
    #expect(first.share > 0.8 && (first.areas["b"] ?? 0) > 0.8, "\(first.share), \(first.areas)")
    #expect((first.means["b"] ?? 0) > (first.means["a"] ?? 0) + 0.8)
    #expect(try correlation(first.scores, world.features, 5) > 0.75)
    #expect(try abs(correlation(first.scores, world.features, 0)) < 0.25)
    #expect(try correlation(first.wholeScores, world.features, 5) > 0.8)
    // What the entry explains counts as covered, what it does not explain does not.
    let covered = try #require(found.covered)
    #expect(covered > 0.5 && covered < 0.95)
    // The same again, and fewer directions on request.
    let one = try self.found(world, count: 1).directions
    #expect(one.count == 1 && zip(one[0].scores, first.scores).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test("Where an entry explains all, nothing is left that tells a site apart")
  func explained() throws {
    let found = try found(world(planted: false))
    #expect((found.covered ?? 0) > 0.95)
    for direction in found.directions {
      #expect(direction.areas.values.allSatisfy { $0 < 0.75 }, "\(direction.areas)")
    }
    // Without the entry that measures it, the same shift is the first direction.
    let world = try world(planted: false)
    let second = try world.measures.narrowed(dim: 1, start: 1, length: 1)
    let open = try self.found((world.features, second))
    #expect((open.directions.first?.areas["a"] ?? 0) > 0.9 && (open.covered ?? 1) < 0.3)
  }

  @Test("Sites that do not differ have no covered share, and no direction holds on other images")
  func alike() throws {
    let found = try found((.seeded([180, 40], 31), .seeded([180, 2], 32)))
    #expect(found.covered == nil)
    #expect(found.directions.allSatisfy { $0.areas.values.allSatisfy { $0 < 0.75 } })
  }

  /// Returns the shares that twelve entries of noise explain of real shifts between four sites.
  private func noise(perSite: Int, seeds: Range<Int>) throws -> [Double] {
    let size = 4 * perSite
    let codes = (0..<size).map { $0 % 4 }
    return try seeds.map { seed in
      func draws(_ shape: [Int], _ kind: Int) throws -> Tensor { try .seeded(shape, UInt64(kind + seed)) }
      let shifts = try draws([4, 40], 200).indexed(Tensor(codes))
      let found = try UncoveredDirections(
        draws([size, 40], 100) + shifts, measures: draws([size, 12], 300), sites: codes.map { "s\($0)" },
        groups: (0..<size).map(String.init))
      return try #require(found.covered)
    }
  }

  @Test("Entries of pure noise explain nothing, even with the fewest images that are allowed")
  func noise() throws {
    // Within the fit, they would explain about 60 % and 14 %.
    let few = try noise(perSite: 8, seeds: 0..<15).sorted()
    #expect(few[7] < 0.3, "\(few)")
    let more = try noise(perSite: 40, seeds: 0..<5)
    #expect(more.reduce(0, +) / 5 < 0.07, "\(more)")
  }

  @Test("Patients that differ do not make sites differ: chance is the variance over patients")
  func patients() throws {
    // Six patients a site, with ten images each.
    let owners = (0..<180).map { $0 / 30 * 3 + $0 % 3 }
    let features = try Tensor.seeded([180, 40], 51) + Tensor.seeded([18, 40], 52).indexed(Tensor(owners))
    let measures = try Tensor.seeded([180, 2], 53)
    let found = try UncoveredDirections(
      features, measures: measures, sites: sites, groups: owners.map { "p\($0)" })
    #expect(found.covered == nil)
    // With a patient for each image, the same numbers would be a difference between sites.
    #expect(try self.found((features, measures)).covered != nil)
    // One patient does not show how much patients differ.
    let single = zip(sites, owners).map { $0 == "c" ? "p\($1)" : $0 }
    let few = try UncoveredDirections(features, measures: measures, sites: sites, groups: single)
    #expect(few.covered == nil && few.directions.allSatisfy { $0.areas.count < 2 })
  }

  @Test("A variance between sites, that of chance, and sites of one group, against numbers by hand")
  func variance() throws {
    let points = try Tensor([0.0, 2, 4, 6, 8, 100], shape: [6, 1])
    let found = try #require(
      try SiteVariance(
        points, sites: ["a", "a", "a", "b", "b", "c"], groups: ["1", "1", "2", "3", "4", "5"]))
    // The means are 2 and 7; c has one group. The groups of a deviate by −2 and 2 in sum, over 3 images.
    #expect(abs(found.value - 12.5) < 1e-9)
    let (a, b) = (2.0 * (4 + 4) / 9, 2.0 * (1 + 1) / 4)
    #expect(abs(found.chance - (a + b) / 2) < 1e-9)
    #expect(abs(found.deviation - 2.0.squareRoot() * (a + b) / 2) < 1e-9)
    #expect(found.isReal && abs(found.net - (12.5 - (a + b) / 2)) < 1e-9)
    let single = Array("aaabbc").map(String.init)
    #expect(try SiteVariance(points, sites: single, groups: single) == nil)
  }

  @Test("Numbers that only follow the site correlate over images, and not within sites")
  func withinSites() throws {
    let levels = sites.map { $0 == "a" ? 3.0 : 0 }
    let noise = try Tensor.seeded([180, 3], 61).to(.float64)
    let scores = try zip(levels, noise.narrowed(dim: 1, start: 0, length: 1).reshaped([180]).doubles()).map(+)
    let shift = try Tensor(levels, shape: [180, 1])
    // The first column shares the site with the scores, the second also the image.
    let columns = try Tensor.concatenated(
      [
        noise.narrowed(dim: 1, start: 1, length: 1) + shift,
        noise.narrowed(dim: 1, start: 0, length: 1) + noise.narrowed(dim: 1, start: 2, length: 1) + shift,
      ], dim: 1)
    let all = try UncoveredDirections.correlations(scores, columns)
    let within = try UncoveredDirections.correlations(scores, columns, within: sites)
    #expect(all[0] > 0.5 && abs(within[0]) < 0.3, "\(all), \(within)")
    #expect(all[1] > 0.5 && within[1] > 0.5, "\(all), \(within)")
  }

  @Test("More numbers than images: the direction is found all the same")
  func wide() throws {
    let shift = try Tensor(sites.map { $0 == "c" ? Float(1) : 0 }, shape: [180, 1])
    let axis = try Tensor.seeded([1, 400], 41) * 0.4
    let features = try Tensor.seeded([180, 400], 42) + shift * axis
    let found = try found((features, .seeded([180, 3], 43)))
    #expect((found.directions.first?.areas["c"] ?? 0) > 0.9, "\(found.directions.map(\.areas))")
    #expect(found.shrinkage > 0 && found.shrinkage <= 1)
  }

  @Test("A site of one patient has no AUC; what cannot be divided or does not vary is refused")
  func faults() throws {
    let world = try world(planted: true)
    let single = zip(sites, groups).map { $0 == "c" ? "one" : $1 }
    let found = try UncoveredDirections(
      world.features, measures: world.measures, sites: sites, groups: single)
    #expect(found.directions.allSatisfy { $0.areas.keys.sorted() == ["a", "b"] && $0.means.count == 3 })
    #expect(throws: SuggestionError.tooFewSites(["a"])) {
      try UncoveredDirections(
        world.features, measures: world.measures, sites: sites.map { _ in "a" }, groups: groups)
    }
    #expect(throws: SuggestionError.oneGroup("1")) {
      try UncoveredDirections(
        world.features, measures: world.measures, sites: sites, groups: groups.map { _ in "1" })
    }
    #expect(throws: SuggestionError.alike) {
      try UncoveredDirections(.ones([180, 4]), measures: world.measures, sites: sites, groups: groups)
    }
    #expect(throws: TorchError.self) {
      try UncoveredDirections(world.features, measures: world.measures, sites: ["a", "b"], groups: groups)
    }
    #expect(throws: TorchError.self) {
      try UncoveredDirections(
        .full([180, 4], .nan), measures: world.measures, sites: sites, groups: groups)
    }
  }
}

@Suite("Suggestions")
struct SuggestionsTests {
  @Test("Images of three sites are measured once, and the result holds words, sites and both ends")
  func search() throws {
    let catalog = try SiteCatalog(at: TinyRun.data.get())
    let prompts = try TinyRun.prompts.get()
    let clip = try CLIPModel.load(TinyRun.clip, seed: 1)
    let heldOut = catalog.sites[2].name
    let samples = try StyleStatistics.samples(
      of: catalog, heldOut: heldOut, entries: prompts.confounders.count, limit: 30)
    #expect(samples.count == 60 && !samples.contains { $0.site == heldOut })
    var finished: [Int] = []
    let images = try StyleStatistics(of: samples, clip) { finished.append($0) }
    #expect(finished == [16, 32, 48, 60] && images.statistics.shape == [60, 2 * images.channels])
    #expect(images.channels == clip.configuration.vision.hiddenSize && images.depth == 1)
    let phrases = ["a purple tint", "foam", "haze"]
    let texts = try Suggestions.Texts(prompts, phrases: phrases, clip)
    // The entries are those of the dictionary.
    let embedded = try TextEmbeddings(prompts) { try clip.textFeatures($0) }
    #expect(try difference(texts.entryEmbeddings, embedded.confounders) < 1e-4)
    let found = try Suggestions(images, texts, heldOut: heldOut, count: 3)
    #expect(found.directions.count == 1 && found.images.values.sorted() == [30, 30])
    let direction = try #require(found.directions.first)
    #expect(Set(direction.phrases.map(\.text)) == Set(phrases) && direction.entries.count == 10)
    #expect(direction.sites.count == 2 && direction.sites[0].score <= direction.sites[1].score)
    #expect(direction.lowest.count == 8 && direction.highest.count == 8)
    // Both sites are at each end.
    #expect(Set(direction.lowest.map(\.site)).count == 2 && Set(direction.highest.map(\.site)).count == 2)
    #expect((direction.lowest.first?.score ?? 0) < (direction.highest.first?.score ?? 0))
    #expect(try JSONDecoder().decode(Suggestions.self, from: JSONEncoder().encode(found)) == found)
  }

  @Test("A phrase is shown if it is near over all images and within sites, on the same side")
  func words() {
    func word(_ correlation: Double, _ within: Double) -> Suggestions.Word {
      Suggestions.Word(text: "\(correlation) \(within)", correlation: correlation, within: within)
    }
    #expect(word(0.6, 0.4).least == 0.4 && word(-0.3, -0.5).least == -0.3 && word(0.6, -0.5).least == 0)
    let direction = Suggestions.Direction(
      share: 1, tellsApart: true, sites: [],
      phrases: [word(0.6, 0.4), word(0.9, 0.1), word(-0.5, -0.4), word(-0.5, 0.4)], entries: [],
      lowest: [], highest: [])
    #expect(direction.words(high: true, above: 0.3).map(\.text) == ["0.6 0.4"])
    #expect(direction.words(high: false, above: 0.3).map(\.text) == ["-0.5 -0.4"])
  }

  @Test("A phrase that the text tower would cut is refused by its name")
  func longPhrase() throws {
    let clip = try CLIPModel.load(TinyRun.clip, seed: 1)
    let long = Array(repeating: "blue", count: 2 * clip.configuration.text.positions).joined(separator: " ")
    let text = message { _ = try Suggestions.Texts(TinyRun.prompts.get(), phrases: ["foam", long], clip) }
    #expect(text.contains("the phrase \"blue blue") && text.contains("shorten"), "\(text)")
    #expect(text.contains("this CLIP reads \(clip.configuration.text.positions)"), "\(text)")
  }

  @Test("Too few sites, and too few images of a site or for a dictionary, are refused with the numbers")
  func faults() throws {
    let catalog = try SiteCatalog(at: TinyRun.data.get())
    #expect(throws: SuggestionError.tooFewForEntries(count: 24, entries: 12, least: 30)) {
      try StyleStatistics.samples(of: catalog, heldOut: nil, entries: 12, limit: 8)
    }
    // With two sites, the fix is to hold out none.
    #expect(SuggestionError.tooFewSites(["a"], heldOut: "b").description.contains("let b take part"))
    #expect(throws: DatasetError.self) {
      try StyleStatistics.samples(of: catalog, heldOut: "nowhere", entries: 2, limit: 8)
    }
    for error in [
      SuggestionError.tooFewSites(["a"]), .tooFewSites([]), .tooFewImages(site: "a", count: 1, least: 8),
      .tooFewForEntries(count: 1, entries: 1, least: 6), .oneGroup("p1"), .alike,
      .tooFewSites(["a"], heldOut: "b"), .longPhrase("foam", tokens: 80, window: 77),
    ] {
      #expect(!error.description.isEmpty && error.description.count < 220)
    }
  }
}
