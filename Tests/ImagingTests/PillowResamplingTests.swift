import Foundation
import Imaging
import TestSupport
import Testing
import Torch

/// Against Pillow; Fixtures/make_resampling.py made the expectations.
@Suite("Pillow's resampling")
struct PillowResamplingTests {
  private struct Case: Decodable {
    let seed: UInt64
    let shape: [Int]
    let size: [Int]
    let filter: String
    let samples: Data
  }

  /// Noise of which half is black or white.
  private func noise(_ seed: UInt64, _ shape: [Int]) throws -> Tensor {
    var generator = SplitMix(seed: seed)
    let samples = (0..<shape.reduce(1, *)).map { _ -> UInt8 in
      let draw = generator.next()
      return draw & 256 != 0 ? UInt8(draw & 255) : draw >> 9 & 1 == 1 ? 255 : 0
    }
    return try Tensor(samples, shape: shape)
  }

  @Test("Every sample is Pillow's, in both directions and with both filters")
  func equalsPillow() throws {
    let cases = try JSONDecoder().decode(
      [Case].self, from: Data(contentsOf: Fixtures.url("resampling.json")))
    #expect(cases.count == 20)
    for item in cases {
      let resampling = PillowResampling(item.filter == "bicubic" ? .bicubic : .bilinear)
      let found = try resampling(
        noise(item.seed, item.shape), height: item.size[0], width: item.size[1])
      #expect(found.shape == [item.shape[0]] + item.size)
      #expect(try found.array(of: UInt8.self) == Array(item.samples), "\(item.shape) to \(item.size)")
    }
  }

  @Test("A part has the samples of the whole, in both orders of the passes")
  func part() throws {
    for (shape, size) in [
      ([3, 97, 61], [16, 16]), ([1, 200, 30], [16, 16]), ([1, 30, 200], [16, 16]), ([3, 17, 23], [40, 31]),
      ([1, 24, 24], [24, 24]), ([1, 24, 30], [24, 12]), ([1, 30, 24], [12, 24]),
    ] {
      let image = try noise(7, shape)
      let whole = try PillowResampling()(image, height: size[0], width: size[1])
      for (rows, columns) in [(3..<9, 0..<5), (0..<1, size[1] - 4..<size[1]), (2..<size[0], 0..<size[1])] {
        let part = try PillowResampling()(
          image, height: size[0], width: size[1], rows: rows, columns: columns)
        let wanted = try whole.narrowed(dim: 1, start: rows.lowerBound, length: rows.count)
          .narrowed(dim: 2, start: columns.lowerBound, length: columns.count)
        #expect(try part.isEqual(to: wanted), "\(shape) to \(size), \(rows) \(columns)")
      }
    }
  }

  @Test("Very wide weights are computed in blocks with the same result")
  func blocks() throws {
    let image = try noise(9, [1, 1, 300_000])
    let found = try PillowResampling()(image, height: 1, width: 40)
    for x in [0, 17, 39] {
      let one = try PillowResampling()(image, height: 1, width: 40, rows: 0..<1, columns: x..<x + 1)
      #expect(try one.isEqual(to: found.narrowed(dim: 2, start: x, length: 1)))
    }
  }

  @Test("A small part of a size that no memory holds is computed")
  func thin() throws {
    let image = try noise(8, [3, 2, 500])
    let part = try PillowResampling()(
      image, height: 2_000_000_000, width: 500_000_000_000, rows: 1_000_000_000..<1_000_000_003,
      columns: 250_000_000_000..<250_000_000_002)
    #expect(part.shape == [3, 3, 2])
  }

  @Test("Other types, shapes and sizes are refused")
  func refused() throws {
    let resampling = PillowResampling()
    #expect(throws: TorchError.self) { try resampling(.zeros([3, 4, 4]), height: 2, width: 2) }
    #expect(throws: TorchError.self) { try resampling(.zeros([4, 4], dtype: .uint8), height: 2, width: 2) }
    #expect(throws: TorchError.self) {
      try resampling(.zeros([1, 4, 4], dtype: .uint8), height: 0, width: 2)
    }
    for (rows, columns) in [(0..<3, 0..<2), (0..<2, 1..<3), (1..<1, 0..<2), (-1..<1, 0..<2)] {
      #expect(throws: TorchError.self) {
        try resampling(.zeros([1, 4, 4], dtype: .uint8), height: 2, width: 2, rows: rows, columns: columns)
      }
    }
  }
}
