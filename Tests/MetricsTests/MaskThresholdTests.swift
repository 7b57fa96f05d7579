import Foundation
import TestSupport
import Testing
import Torch

@testable import Metrics

@Suite("Mask threshold")
struct MaskThresholdTests {
  /// The rule written out, pixel by pixel: the areas of 64 levels and the empty mask.
  private static func level(_ values: [Float]) -> Double {
    let levels = (0..<64).map { (Double($0) + 0.5) / 64 }
    func area(_ level: Double) -> Double { Double(values.count { Double($0) >= level }) }
    var best = (level: 0.0, dice: -1.0)
    for level in levels + [64.5 / 64] {
      let marked = level > 1 ? 0 : area(level)
      let dice =
        levels.reduce(0.0) { sum, other in
          let (lesion, both) = (area(other), min(marked, area(other)))
          return sum + (marked + lesion == 0 ? 1 : 2 * both / (marked + lesion))
        } / 64
      // Equal levels differ by rounding alone, and the highest wins.
      if dice > best.dice - 1e-12 { best = (level, dice) }
    }
    return best.level
  }

  /// Blobs of different certainty beside each other, in a row of 20 pixels.
  private static func row(_ blobs: [(probability: Float, area: Int)]) -> [Float] {
    let lesion = blobs.flatMap { Array(repeating: $0.probability, count: $0.area) }
    return lesion + Array(repeating: 0, count: 20 - lesion.count)
  }

  private func marked(_ values: [Float]) throws -> Int {
    let mask = try MaskThreshold.dice.mask(Tensor(values, shape: [1, values.count]))
    return Int(try mask.to(.int64).sum().item())
  }

  @Test("A disc with a soft edge is cut at about one half")
  func disc() throws {
    let values = (0..<64 * 64).map { place -> Float in
      let (x, y) = (Double(place % 64) - 31.5, Double(place / 64) - 31.5)
      return Float(1 / (1 + exp((x * x + y * y).squareRoot() - 18)))
    }
    let level = try MaskThreshold.dice.level(of: Tensor(values, shape: [64, 64]))
    #expect(abs(level - 0.5) < 0.05, "\(level)")
  }

  @Test(
    "An image is empty up to one half, and of two equal regions the second counts from one half on",
    arguments: [
      ([(0.3, 8)], 0), ([(0.5, 8)], 0), ([(0.52, 8)], 8), ([(1, 8)], 8), ([], 0), ([(1, 20)], 20),
      // Level 29 of 64 is the last that 0.45 reaches, level 58 the last of 0.9: a tie, so the
      // higher.
      ([(0.9, 4), (0.45, 4)], 4), ([(0.9, 4), (0.5, 4)], 8), ([(0.9, 4), (0.4, 4)], 4),
      // Nothing is right in 0.45 of all cases, which is more than a part of two regions gains.
      ([(0.55, 2), (0.3, 10)], 0), ([(0.7, 2), (0.3, 10)], 2),
    ] as [([(Float, Int)], Int)])
  func regions(_ blobs: [(Float, Int)], _ area: Int) throws {
    let values = Self.row(blobs.map { (probability: $0.0, area: $0.1) })
    #expect(try marked(values) == area)
    #expect(values.count { Double($0) >= Self.level(values) } == area)
  }

  @Test("The level is that of the rule written out, for one map and for several", arguments: 0..<6)
  func agrees(seed: Int) throws {
    let generator = try Generator(seed: UInt64(seed))
    let power = [0.3, 1, 3, 8, 20, 60][seed]
    let maps = try Tensor.randomUniform([3, 1, 23, 17], low: 0, high: 1, generator: generator).power(power)
    let together = try MaskThreshold.dice.mask(maps)
    #expect(together.shape == maps.shape)
    for index in 0..<3 {
      let map = try maps.selected(dim: 0, index: index).squeezed(0)
      let values = try map.floats()
      let level = try MaskThreshold.dice.level(of: map)
      #expect(level == Self.level(values))
      let wanted = values.map { Double($0) >= level }
      let own: [UInt8] = try together.selected(dim: 0, index: index).to(.uint8).reshaped([-1]).array()
      #expect(own.map { $0 > 0 } == wanted)
      let plain = try ProbabilityMap(width: 17, height: 23, values: values).mask(.dice)
      #expect(plain.pixels.map { $0 > 0 } == wanted)
    }
  }

  @Test("A large map counts every k-th row and column")
  func large() throws {
    // Sure everywhere but in every third row and column, which are the ones that count.
    let map = try Tensor.full([700, 500], 0.9)
    _ = try map.strided(dim: 0, by: 3).strided(dim: 1, by: 3).fill(0.3)
    #expect(700 * 500 / 4 > 1 << 16 && 234 * 167 < 1 << 16)
    #expect(try MaskThreshold.dice.mask(map).to(.float32).sum().item() == 0)
    let small = try map.narrowed(dim: 0, start: 0, length: 100).narrowed(dim: 1, start: 0, length: 100)
    #expect(try MaskThreshold.dice.mask(small).to(.float32).sum().item() == 100 * 100 - 34 * 34)
  }

  @Test("A number marks what it always marked")
  func number() throws {
    let map = try Tensor.randomUniform([2, 1, 9, 8], low: 0, high: 1, generator: Generator(seed: 2))
    for level in [0, 0.25, 0.5, 1] {
      #expect(try MaskThreshold.fixed(level).mask(map).isEqual(to: map.atLeast(level)))
    }
    let values = try map.selected(dim: 0, index: 0).floats()
    let plain = try ProbabilityMap(width: 8, height: 9, values: values)
    #expect(try plain.mask(0.25) == plain.mask(atLeast: 0.25))
  }

  @Test("JSON holds a number or the word, and nothing else is read")
  func json() throws {
    func text(_ threshold: MaskThreshold) throws -> String {
      String(decoding: try JSONEncoder().encode([threshold]), as: UTF8.self)
    }
    #expect(try text(0.5) == "[0.5]" && text(.dice) == "[\"dice\"]")
    func read(_ text: String) throws -> [MaskThreshold] {
      try JSONDecoder().decode([MaskThreshold].self, from: Data(text.utf8))
    }
    #expect(try read("[0.5, 1, \"dice\"]") == [0.5, .fixed(1), .dice])
    for text in ["[\"0.5\"]", "[true]", "[null]"] {
      #expect(throws: DecodingError.self) { try read(text) }
    }
    #expect(MaskThreshold("dice") == .dice && MaskThreshold("0.25") == 0.25)
    #expect(MaskThreshold("2") == nil && MaskThreshold("nan") == nil && MaskThreshold("Dice") == nil)
  }

  @Test("What is no map is refused, and what is no probability is no lesion")
  func faults() throws {
    #expect(throws: TorchError.self) { try MaskThreshold.dice.mask(Tensor([Float(0.5)])) }
    let odd = try Tensor([Float.nan, 0.9, -1, 2], shape: [2, 2])
    let mask: [UInt8] = try MaskThreshold.dice.mask(odd).to(.uint8).reshaped([-1]).array()
    #expect(mask == [0, 1, 0, 1])
  }
}
