import Testing
import Torch

@testable import MCDRL

/// One class along x, the normal prompt along y.
private func plane() throws -> TextEmbeddings {
  TextEmbeddings(
    classes: try Tensor([1, 0] as [Float], shape: [1, 2]), normal: try Tensor([0, 1] as [Float]),
    confounders: try Tensor([1, 0] as [Float], shape: [1, 2]),
    joint: try Tensor([1, 0] as [Float], shape: [1, 1, 2]))
}

@Suite struct RegionSelectionTests {
  @Test(arguments: [
    (0.5, 196, 98), (0.5, 49, 25), (0.3, 10, 3), (0.1, 30, 3), (0.7, 10, 7), (0.07, 100, 7), (0.29, 100, 29),
    (0.31, 10, 4), (1.0 / 3, 9, 3), (1.0 / 3, 10, 4), (1.0, 196, 196), (0.001, 196, 1), (0.55, 20, 11),
  ])
  func countIsTheCeilingOfTheShare(fraction: Double, positions: Int, expected: Int) {
    let selection = RegionSelection(fraction: fraction, subtractsNormal: false)
    #expect(selection.count(of: positions) == expected)
  }

  @Test func countIsTheCeilingForEveryHundredth() {
    for hundredth in 1...100 {
      let selection = RegionSelection(fraction: Double(hundredth) / 100, subtractsNormal: false)
      for positions in [1, 4, 49, 100, 196, 256, 576] {
        #expect(selection.count(of: positions) == (hundredth * positions + 99) / 100)
      }
    }
  }

  @Test func scoreOfATwoByTwoGridIsTheCosineByHand() throws {
    // Directions (3, 4), (1, 0), (0, 2), (−5, 12): cosines with x 0.6, 1, 0, −5/13; with y 0.8, 0, 1, 12/13.
    let features = try Tensor([3, 4, 1, 0, 0, 2, -5, 12] as [Float], shape: [1, 4, 2])
    let plain = RegionSelection(fraction: 0.5, subtractsNormal: false)
    let less = RegionSelection(fraction: 0.5, subtractsNormal: true)
    let cosines = try Tensor([0.6, 1, 0, -5.0 / 13], shape: [1, 4])
    let differences = try Tensor([-0.2, 1, -1, -17.0 / 13], shape: [1, 4])
    #expect(try difference(plain.score(features, plane()), cosines) < 1e-6)
    #expect(try difference(less.score(features, plane()), differences) < 1e-6)
    #expect(try plain.positions(plain.score(features, plane())).array(of: Int.self) == [1, 0])
  }

  @Test func scoreTakesTheBestClass() throws {
    let text = TextEmbeddings(
      classes: try Tensor([1, 0, 0, 1] as [Float], shape: [2, 2]), normal: try Tensor([0, 1] as [Float]),
      confounders: try .ones([1, 2]), joint: try .ones([2, 1, 2]))
    let features = try Tensor([3, 4, 4, 3] as [Float], shape: [1, 2, 2])
    let score = try RegionSelection(fraction: 1, subtractsNormal: false).score(features, text)
    #expect(try difference(score, Tensor([0.8, 0.8], shape: [1, 2])) < 1e-6)
  }

  @Test func ofEqualScoresTheFirstPositionsAreKept() throws {
    let selection = RegionSelection(fraction: 0.5, subtractsNormal: false)
    let flat = try Tensor.full([2, 196], 0.25)
    let expected = Array(0..<98) + Array(0..<98)
    #expect(try selection.positions(flat).array(of: Int.self) == expected)
    let partly = try Tensor([0, 1, 0, 1, 0, 2] as [Float], shape: [1, 6])
    let four = RegionSelection(fraction: 0.6, subtractsNormal: false)
    #expect(try four.positions(partly).array(of: Int.self) == [5, 1, 3, 0])
  }

  @Test func gatherThenScatterIsTheIdentity() throws {
    let features = try Tensor.seeded([3, 10, 4], 1)
    let selection = RegionSelection(fraction: 0.4, subtractsNormal: true)
    let region = SelectedRegion(positions: try selection.positions(.seeded([3, 10], 2)))
    let gathered = try region.gather(features)
    #expect(gathered.shape == [3, 4, 4])
    #expect(try region.scatter(gathered, into: features).isEqual(to: features))
    // And the other way round, at the selected positions; the others keep the grid's value.
    let grid = try region.scatter(gathered, into: features.zerosLike())
    #expect(try region.gather(grid).isEqual(to: gathered))
    #expect(try grid.magnitude().sum([-1]).greater(than: 0).to(.float32).sum().item() == 12)
  }

  @Test(arguments: 1...8)
  func everySelectedScoreIsAtLeastAsHighAsEveryOther(seed: Int) throws {
    let selection = RegionSelection(fraction: Double(seed) / 9, subtractsNormal: true)
    let score = try selection.score(.seeded([2, 23, 6], UInt64(seed)), someText(width: 6))
    let values = try score.doubles()
    let count = selection.count(of: 23)
    let positions = try selection.positions(score).array(of: Int.self)
    #expect(positions.count == 2 * count)
    for image in 0..<2 {
      let chosen = Set(positions[image * count..<(image + 1) * count])
      #expect(chosen.count == count)
      let row = values[image * 23..<(image + 1) * 23].enumerated()
      let lowest = try #require(row.filter { chosen.contains($0.offset) }.map(\.element).min())
      let others = row.filter { !chosen.contains($0.offset) }.map(\.element)
      #expect(others.allSatisfy { $0 <= lowest })
    }
  }

  @Test func gradientsPassThroughTheSelectedPositionsOnly() throws {
    let features = try Tensor.seeded([1, 4, 2], 3).requireGradient()
    let region = SelectedRegion(positions: try Tensor([2, 0], shape: [1, 2]))
    try region.gather(features).sum().backward()
    let gradient = try #require(try features.gradient())
    #expect(try gradient.floats() == [1, 1, 0, 0, 1, 1, 0, 0])
  }

  @Test func scoresAndPositionsAgreeWithPyTorch() throws {
    let fixture = try Fixture("region")
    let text = TextEmbeddings(
      classes: try fixture["classes"], normal: try fixture["normal"], confounders: try fixture["classes"],
      joint: try fixture["classes"])
    let selection = RegionSelection(fraction: 0.4, subtractsNormal: true)
    let score = try selection.score(fixture["features"], text)
    #expect(try difference(score, fixture["score"]) < 1e-5)
    #expect(try selection.positions(score).isEqual(to: fixture["positions"]))
    let plain = try RegionSelection(fraction: 0.4, subtractsNormal: false).score(fixture["features"], text)
    #expect(try difference(plain, fixture["score_plain"]) < 1e-5)
  }
}
