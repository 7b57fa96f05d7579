import Foundation
import TestSupport
import Testing
import Torch

@testable import Metrics
@testable import Statistics

@Suite("Linear probe")
struct LinearProbeTests {
  /// Fits of scikit-learn, made by `Fixtures/make_probe.py`.
  struct Fixture: Decodable {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
      let name: String
      let C: Double
      let points: [[Double]]
      let labels: [Int]
      let asked: [[Double]]
      let probabilities: [[Double]]
      let coefficients: [[Double]]
      let intercepts: [Double]
      var testDescription: String { name }
    }
    let cases: [Case]
  }

  static func fixture() throws -> Fixture {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/probe.json")
    return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
  }

  private func rows(_ values: [[Double]]) throws -> Tensor {
    try Tensor(values.flatMap { $0 }, shape: [values.count, values[0].count])
  }

  @Test(
    "Fits are scikit-learn's: two classes and several, any scale, more features than cases",
    arguments: try fixture().cases)
  func peer(_ sample: Fixture.Case) throws {
    let probe = LinearProbe(weight: sample.C, tolerance: 1e-9)
    let classes = (sample.labels.max() ?? 0) + 1
    let isBinary = classes == 2
    let targets =
      try isBinary
      ? Tensor(sample.labels.map(Double.init), shape: [sample.labels.count, 1])
      : Tensor(sample.labels).oneHot(classes)
    let fit = try probe.fit(rows(sample.points), targets: targets, link: isBinary ? .each : .oneOf)
    #expect(fit.converged)
    let logits = try fit.logits(rows(sample.asked))
    let found =
      try isBinary ? logits.sigmoid().doubles().flatMap { [1 - $0, $0] } : logits.softmax(dim: 1).doubles()
    #expect(zip(found, sample.probabilities.flatMap { $0 }).allSatisfy { abs($0 - $1) < 1e-5 })
    let weights = try fit.weights.doubles()
    #expect(zip(weights, sample.coefficients.flatMap { $0 }).allSatisfy { abs($0 - $1) < 1e-4 })
    // The softmax does not see what all intercepts share.
    let bias = try fit.bias.doubles()
    let shared = isBinary ? 0 : bias.reduce(0, +) / Double(bias.count)
    let theirs = isBinary ? 0 : sample.intercepts.reduce(0, +) / Double(sample.intercepts.count)
    #expect(zip(bias, sample.intercepts).allSatisfy { abs($0 - shared - $1 + theirs) < 1e-4 })
  }

  /// Normal draws, n×d.
  private func noise(_ cases: Int, _ width: Int, seed: UInt64) throws -> Tensor {
    try .randomNormal([cases, width], generator: Generator(seed: seed))
  }

  @Test("What features show is found, and what they do not show is not")
  func classes() throws {
    let labels = (0..<120).map { "site \($0 % 4)" }
    let groups = (0..<120).map { "g\($0)" }
    let plain = try noise(120, 6, seed: 1)
    let blindChoice = try #require(try LinearProbe().choice(plain, labels: labels, groups: groups))
    let blind = blindChoice.score
    #expect(blind.count == 120 && blind.chance == 0.25 && blind.present == nil)
    #expect(blind.classes == 4 && blind.balancedChance == 0.25)
    #expect(abs(blind.balancedAccuracy - 0.25) < 0.12 && abs((blind.area ?? 1) - 0.5) < 0.1)
    // One site in four moved along the first axis: it alone is told apart, also on another scale.
    let moved = try Tensor((0..<120).map { $0 % 4 == 2 ? 1e-3 : 0 }, shape: [120, 1]).to(.float64)
    let first = try plain.narrowed(dim: 1, start: 0, length: 1).to(.float64) * 1e-4 + moved
    let seen = try Tensor.concatenated(
      [first, plain.to(.float64).narrowed(dim: 1, start: 1, length: 5)], dim: 1)
    let found = try #require(try LinearProbe().choice(seen, labels: labels, groups: groups))
    #expect((found.areas["site 2"] ?? 0) > 0.99)
    #expect(["site 0", "site 1", "site 3"].allSatisfy { (found.areas[$0] ?? 1) < 0.8 })
    #expect(found.score.balancedAccuracy > blind.balancedAccuracy)
    let again = try #require(try LinearProbe().choice(seen, labels: labels, groups: groups))
    #expect(again.score == found.score && again.areas == found.areas)
    // To begin near the minimum leads to the same.
    let near = try #require(try LinearProbe().choice(seen, labels: labels, groups: groups, from: blindChoice))
    #expect(near.areas.allSatisfy { abs($0.value - (found.areas[$0.key] ?? 0)) < 0.01 })
  }

  @Test("A minimum that was not reached is said, also where the gradient is no number")
  func unconverged() throws {
    func ended(_ slope: Double, limit: Int = 1000) throws -> Bool {
      try LBFGS(limit: limit).minimum(from: .zeros([2], dtype: .float64)) { point in
        let gap = try point - 3
        return (try (gap * gap).sum().item(), try gap * slope)
      }.converged
    }
    #expect(try ended(2))
    #expect(try !ended(2, limit: 0))
    #expect(try !ended(.nan))

    let labels = (0..<40).map { "site \($0 % 2)" }
    let groups = (0..<40).map { "g\($0)" }
    let points = try noise(40, 3, seed: 7)
    for (tolerance, reached) in [(1e-4, true), (0.0, false)] {
      let probe = LinearProbe(tolerance: tolerance)
      let choice = try #require(try probe.choice(points, labels: labels, groups: groups))
      #expect(choice.score.converged == reached)
      let presence = try probe.presence(
        points, columns: [labels.map { $0 == "site 0" }], groups: groups, strata: labels.map { _ in "" })
      #expect(try #require(presence[0]).converged == reached)
    }
    let broken = try points * Double.nan
    #expect(throws: TorchError.self) { try LinearProbe().choice(broken, labels: labels, groups: groups) }
  }

  @Test("A patient is never on both sides: to know the patient is not to know the class")
  func groups() throws {
    // Each of 20 patients has a direction of its own and six nearly equal images; the class is a toss for each patient.
    let patients = try noise(20, 40, seed: 2)
    let owners = (0..<120).map { $0 / 6 }
    let points = try patients.indexed(Tensor(owners)) + noise(120, 40, seed: 3) * 0.05
    let labels = owners.map { ["a", "b"][($0 * 7 + $0 / 3) % 2] }
    func score(_ groups: [String]) throws -> Double {
      try #require(try LinearProbe().choice(points, labels: labels, groups: groups)).score.balancedAccuracy
    }
    #expect(try score((0..<120).map { "image \($0)" }) > 0.95)
    #expect(try score(owners.map { "patient \($0)" }) < 0.75)
    let parts = LinearProbe.parts(owners.map { "patient \($0)" }, strata: labels, count: 5)
    for owner in 0..<20 { #expect(Set(parts[owner * 6..<owner * 6 + 6]).count == 1) }
    #expect((0..<5).allSatisfy { part in parts.count { $0 == part } == 24 })
  }

  @Test("A class of a single patient is left out, and one class alone gives nothing")
  func single() throws {
    let labels = ["a", "a", "a", "a", "b", "b", "b", "b", "c", "c"]
    let groups = ["1", "1", "2", "3", "4", "5", "6", "7", "8", "8"]
    let points = try noise(10, 2, seed: 4)
    #expect(LinearProbe.divisible(labels, groups: groups) == Array(0..<8))
    let found = try #require(try LinearProbe().choice(points, labels: labels, groups: groups))
    #expect(found.score.count == 8 && found.areas.keys.sorted() == ["a", "b"])
    #expect(try LinearProbe().choice(points, labels: labels.map { _ in "a" }, groups: groups) == nil)
    #expect(throws: TorchError.self) { try LinearProbe().choice(points, labels: ["a"], groups: groups) }
  }

  @Test("Each feature alone: a shift of either sign tells its class apart, noise gives 0.5")
  func columns() throws {
    let labels = (0..<150).map { ["a", "b", "c"][$0 % 3] }
    let groups = (0..<150).map(String.init)
    let shift = try Tensor(
      labels.flatMap { [$0 == "a" ? Float(4) : 0, $0 == "b" ? -4 : 0, 0] }, shape: [150, 3])
    let points = try noise(150, 3, seed: 12) + shift
    let found = try #require(try LinearProbe().columns(points, labels: labels, groups: groups))
    #expect(found.keys.sorted() == ["a", "b", "c"] && found.values.allSatisfy { $0.count == 3 })
    let (a, b, c) = (try #require(found["a"]), try #require(found["b"]), try #require(found["c"]))
    #expect(a[0] > 0.95 && b[1] > 0.95)
    #expect([a[2], b[2], c[2]].allSatisfy { abs($0 - 0.5) < 0.2 })
    // One other class of two lies beyond a or b: 3/4 for the class between.
    #expect(abs(c[0] - 0.75) < 0.12)
    // A constant feature says nothing, and a class of one patient is left out.
    let constant = try #require(
      try LinearProbe().columns(.ones([150, 1]), labels: labels, groups: groups))
    #expect(constant["a"] == [0.5])
    let single = zip(labels, groups).map { $0 == "c" ? "one" : $1 }
    #expect(try LinearProbe().columns(points, labels: labels, groups: single)?.keys.sorted() == ["a", "b"])
    #expect(try LinearProbe().columns(points, labels: labels.map { _ in "a" }, groups: groups) == nil)
    #expect(throws: TorchError.self) { try LinearProbe().columns(points, labels: ["a"], groups: groups) }
  }

  @Test("A confounder that only follows the site is not read off features that show the site alone")
  func strata() throws {
    var random = SplitMix(seed: 5)
    let sites = (0..<200).map { $0 % 2 }
    // Frequent at one site, rare at the other; of its own it leaves no trace in the first set of features.
    let present = sites.map { Double(random.next() % 1000) / 1000 < ($0 == 0 ? 0.85 : 0.15) }
    let site = try Tensor(sites.flatMap { [Float($0) * 4, 0, 0, 0, 0] }, shape: [200, 5])
    let trace = try Tensor(present.flatMap { [0, $0 ? Float(3) : 0, 0, 0, 0] }, shape: [200, 5])
    let plain = try noise(200, 5, seed: 6)
    let groups = (0..<200).map(String.init)
    func score(_ points: Tensor, strata: [String]) throws -> ProbeScore {
      let scores = try LinearProbe().presence(
        points, columns: [present, present.map { _ in true }], groups: groups, strata: strata)
      #expect(scores.count == 2 && scores[1] == nil)
      return try #require(scores[0])
    }
    let names = sites.map(String.init)
    let blind = try score(plain + site, strata: names)
    #expect(blind.count == 200 && blind.present == present.count { $0 })
    #expect(abs((blind.area ?? 1) - 0.5) < 0.1 && blind.accuracy > 0.75)
    #expect(try #require(score(plain + site, strata: names.map { _ in "" }).area) > 0.75)
    #expect(try #require(score(plain + site + trace, strata: names).area) > 0.8)
  }
}
