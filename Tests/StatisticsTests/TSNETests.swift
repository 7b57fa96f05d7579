import Foundation
import TestSupport
import Testing
import Torch

@testable import Statistics

@Suite("t-SNE")
struct TSNETests {
  /// `count` points about each of three centres, and the centre of each.
  private func groups(_ count: Int, width: Int = 10, distance: Double = 8) throws -> (Tensor, [String]) {
    let generator = try Generator(seed: 5)
    let centres = try Tensor.randomNormal([3, width], generator: generator) * distance
    let points = try centres.expandedDimension(1) + .randomNormal([3, count, width], generator: generator)
    return (try points.reshaped([3 * count, width]), (0..<3 * count).map { "\($0 / count)" })
  }

  private struct Fixture: Decodable {
    struct Case: Decodable {
      let name: String
      let perplexity: Double
      let points: [[Double]]
      let kl: Double
    }
    let cases: [Case]
  }

  @Test("The neighbours of every point have the perplexity that was asked for", arguments: [5.0, 30])
  func perplexity(wanted: Double) throws {
    // Distances that differ by four orders of magnitude.
    let (near, _) = try groups(40)
    let points = try Tensor.concatenated([near, near * 100], dim: 0).to(.float64)
    let weights = try TSNE.conditional(points, perplexity: wanted)
    let entropies = try (weights * weights.clamped(min: 1e-300).log()).sum([1]).doubles()
    #expect(entropies.count == 240 && entropies.allSatisfy { abs(-$0 - log(wanted)) < 1e-4 })
    #expect(try weights.sum([1]).doubles().allSatisfy { abs($0 - 1) < 1e-12 })
    #expect(try (0..<240).allSatisfy { try weights.selected(dim: 0, index: $0).doubles()[$0] == 0 })
  }

  @Test("Groups that are apart stay apart")
  func separation() throws {
    let (points, labels) = try groups(50)
    let map = try TSNE()(points)
    #expect(map.points.shape == [150, 2] && map.perplexity == 30)
    let purity = try #require(try NeighbourPurity(map.points, labels: labels))
    #expect(purity.value == 1 && abs(purity.chance - 49.0 / 149) < 1e-12)
  }

  @Test("The same seed gives the same map bit for bit, another seed another one as good")
  func reproducible() throws {
    let (points, _) = try groups(20, distance: 1)
    var tsne = TSNE()
    tsne.steps = 300
    let first = try tsne(points)
    #expect(try first.points.isEqual(to: tsne(points).points))
    tsne.seed = 1
    let other = try tsne(points)
    #expect(try !first.points.isEqual(to: other.points))
    #expect(abs(first.divergence - other.divergence) < 0.1 * first.divergence)
  }

  @Test("No more is lost than by scikit-learn's exact t-SNE, give or take a tenth")
  func peer() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/tsne.json")
    let cases = try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file)).cases
    #expect(cases.count == 2)
    for fixture in cases {
      let points = try Tensor(
        fixture.points.flatMap { $0 }, shape: [fixture.points.count, fixture.points[0].count])
      var tsne = TSNE()
      tsne.perplexity = fixture.perplexity
      let found = try tsne(points).divergence
      #expect(found > 0 && found <= 1.1 * fixture.kl, "\(fixture.name): \(found) against \(fixture.kl)")
    }
  }

  @Test("Few points, one point and points that are all the same give a finite map")
  func few() throws {
    for count in 1...7 {
      let points = try Tensor.randomNormal([count, 4], generator: Generator(seed: UInt64(count)))
      let map = try TSNE()(points)
      #expect(try map.points.shape == [count, 2] && map.points.isFinite() && map.divergence.isFinite)
      #expect(map.perplexity < Double(max(2, count)))
    }
    let same = try TSNE()(.ones([20, 3]))
    #expect(try same.points.isFinite() && same.divergence.isFinite)
    // On a line there is no second component to start from.
    let line = try TSNE()(.arange(to: 40).to(.float32).expandedDimension(1))
    #expect(try line.points.isFinite() && line.points.variance([0]).min([0]).item() > 0)
  }

  @Test("Duplicates, even more than the perplexity, end beside each other")
  func duplicates() throws {
    let (points, _) = try groups(15)
    let copies = try points.narrowed(dim: 0, start: 0, length: 1).tiled([40, 1])
    let map = try TSNE()(.concatenated([points, copies], dim: 0))
    #expect(try map.points.isFinite() && map.divergence.isFinite)
    let labels = (0..<85).map { $0 == 0 || $0 >= 45 ? "copy" : "other \($0)" }
    let purity = try #require(try NeighbourPurity(map.points, labels: labels))
    #expect(purity.value > 0.4, "\(purity)")
  }

  @Test("No points, too many, or some that are not finite are refused")
  func refused() throws {
    #expect(throws: TorchError.self) { try TSNE()(.zeros([0, 3])) }
    #expect(throws: TorchError.self) { try TSNE()(.zeros([TSNE.limit + 1, 1])) }
    #expect(throws: TorchError.self) { try TSNE()(Tensor([1.0, .nan], shape: [2, 1])) }
  }

  @Test("Purity counts neighbours of the same label, and says what chance would give")
  func purity() throws {
    // Two pairs on a line: each point's nearest is of its pair.
    let points = try Tensor([0.0, 1, 10, 11], shape: [4, 1])
    let pairs = try #require(try NeighbourPurity(points, labels: ["a", "a", "b", "b"], neighbours: 1))
    #expect(pairs == NeighbourPurity(neighbours: 1, value: 1, chance: 1.0 / 3))
    let crossed = try #require(try NeighbourPurity(points, labels: ["a", "b", "a", "b"], neighbours: 1))
    #expect(crossed.value == 0)
    let all = try #require(try NeighbourPurity(points, labels: ["a", "a", "b", "b"]))
    #expect(all.neighbours == 3 && abs(all.value - all.chance) < 1e-12)
    #expect(try NeighbourPurity(Tensor([1.0], shape: [1, 1]), labels: ["a"]) == nil)
    #expect(throws: TorchError.self) { try NeighbourPurity(points, labels: ["a"]) }
  }
}
