import Testing
import TestSupport
import Torch

@testable import CLIP
@testable import Segmentation

@Suite("Words that intervene")
struct PromptStylesTests {
  /// A transformer and a ResNet of random weights, in evaluation mode.
  private func towers() throws -> [ImageTower] {
    var transformer = CLIPConfiguration.Vision()
    (transformer.hiddenSize, transformer.intermediateSize, transformer.layers, transformer.heads) = (
      24, 48, 3, 2
    )
    (transformer.imageSize, transformer.patchSize) = (16, 4)
    var network = CLIPConfiguration.Vision()
    (network.hiddenSize, network.heads, network.imageSize) = (128, 4, 64)
    (network.stages, network.patchSize) = ([1, 1, 1, 1], 32)
    return try [transformer, network].map {
      let tower = try ImageTower.make($0, projectionSize: 10, generator: Generator(seed: 1))
      tower.train(false)
      try tower.requireGradients(false)
      return tower
    }
  }

  private func pixels(_ tower: ImageTower, _ count: Int = 3) throws -> Tensor {
    let side = tower.configuration.imageSize
    return try .randomNormal([count, 3, side, side], generator: Generator(seed: 4))
  }

  private let words = Result { try Tensor.seeded([2, 10], 8).normalized() }

  private func search() -> PromptStyles.Search {
    var search = PromptStyles.Search()
    (search.steps, search.rate) = (40, 0.1)
    return search
  }

  /// The mean cosine of the images with an entry's words after all have its styles.
  private func cosine(
    _ tower: ImageTower, _ styles: PromptStyles, entry: Int, words: Tensor, strength: Double
  ) throws -> Double {
    let trunk = try styles.applying(
      (0..<3).map { PromptStyles.Change(row: $0, entry: entry, style: $0, strength: strength) },
      to: tower.trunk(pixels(tower), depth: styles.depth))
    let image = try tower(trunk, dense: nil).image.normalized()
    return try image.matmul(words.normalized().transposed()).narrowed(dim: 1, start: entry, length: 1).mean()
      .item()
  }

  @Test("A mined style moves images toward its words, more than random directions of its size")
  func mined() throws {
    for tower in try towers() {
      let words = try self.words.get()
      var finished: [Int] = []
      let styles = try PromptStyles.mined(
        tower, pixels: pixels(tower), words: words, search: search()
      ) { finished.append($0) }
      #expect(styles.confounders == 2 && styles.count == 3 && finished == [1, 2])
      let random = try styles.randomized(Generator(seed: 2))
      let others = try styles.towardImages(
        tower.trunk(pixels(tower), depth: 1).input, Generator(seed: 2))
      func size(_ styles: PromptStyles) throws -> Tensor {
        try (styles.shifts.power(2).sum([2]) + styles.scales.power(2).sum([2])).squareRoot()
      }
      #expect(try difference(size(random), size(styles)) < 1e-4)
      #expect(try difference(size(others), size(styles)) < 1e-4)
      #expect(
        try styles.shuffled().shifts.selected(dim: 0, index: 1).isEqual(
          to: styles.shifts.selected(dim: 0, index: 0)))
      for entry in 0..<2 {
        let before = try cosine(tower, styles, entry: entry, words: words, strength: 0)
        let half = try cosine(tower, styles, entry: entry, words: words, strength: 0.5)
        let after = try cosine(tower, styles, entry: entry, words: words, strength: 1)
        #expect(before < half && half < after && after > before + 0.01, "\(before), \(half), \(after)")
        // The ResNet of random weights hardly moves. One random direction may help; on average they do not.
        guard tower.configuration.stages == nil else { continue }
        #expect(after > 0.9)
        let others = try (0..<8).map {
          try cosine(tower, styles.randomized(Generator(seed: $0)), entry: entry, words: words, strength: 1)
        }
        #expect(others.reduce(0, +) / 8 < after, "\(others), \(after)")
      }
      // The weights have no gradient, and the same search gives the same styles.
      #expect(try tower.parameters().allSatisfy { try $0.tensor.gradient() == nil })
      let again = try PromptStyles.mined(tower, pixels: pixels(tower), words: words, search: search())
      #expect(try again.shifts.isEqual(to: styles.shifts) && again.scales.isEqual(to: styles.scales))
    }
  }

  @Test("A search for some confounders gives them the same styles, and 0 to the others")
  func some() throws {
    for tower in try towers() {
      let words = try self.words.get()
      var finished: [Int] = []
      func mined(_ entries: Set<Int>?) throws -> PromptStyles {
        finished = []
        return try PromptStyles.mined(
          tower, pixels: pixels(tower), words: words, entries: entries, search: search()
        ) { finished.append($0) }
      }
      let all = try mined(nil)
      let one = try mined([1])
      #expect(finished == [1])
      // The controls have the sizes of the words, so they agree, too.
      for (whole, part) in [
        (all, one), (try all.randomized(Generator(seed: 2)), try one.randomized(Generator(seed: 2))),
      ] {
        for (left, right) in [(whole.shifts, part.shifts), (whole.scales, part.scales)] {
          #expect(left.shape == right.shape)
          #expect(try left.selected(dim: 0, index: 1).isEqual(to: right.selected(dim: 0, index: 1)))
          #expect(try right.selected(dim: 0, index: 0).power(2).sum().item() == 0)
        }
      }
    }
  }

  @Test("A style changes only its rows, only their statistics, and nothing at strength 0")
  func applied() throws {
    for tower in try towers() {
      let trunk = try tower.trunk(pixels(tower), depth: 1, hidden: [1])
      let width = try trunk.input.size(trunk.input.shape.count == 4 ? 1 : 2)
      let styles = PromptStyles(
        depth: 1, shifts: try .full([1, 1, width], 0.5), scales: try .full([1, 1, width], 0.6931472))
      func applied(_ strengths: [Double]) throws -> ImageTrunk {
        try styles.applying(
          strengths.map { PromptStyles.Change(row: 1, entry: 0, style: 0, strength: $0) }, to: trunk)
      }
      let changed = try applied([1])
      for row in [0, 2] {
        #expect(
          try changed.input.selected(dim: 0, index: row).isEqual(to: trunk.input.selected(dim: 0, index: row))
        )
      }
      // μ + σ/2 and 2σ.
      func row(_ input: Tensor) throws -> PromptStyles.Statistics {
        try PromptStyles.Statistics(input.narrowed(dim: 0, start: 1, length: 1))
      }
      let (before, after) = (try row(trunk.input), try row(changed.input))
      #expect(try difference(after.mean, before.mean + before.deviation * 0.5) < 1e-4)
      #expect(try difference(after.deviation, before.deviation * 2) < 1e-2)
      #expect(try applied([0]).input.isEqual(to: trunk.input))
      // Two changes of one row add up.
      #expect(try difference(applied([0.25, 0.75]).input, changed.input) < 1e-4)
    }
  }
}
