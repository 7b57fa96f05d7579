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

  @Test("Other types, shapes and sizes are refused")
  func refused() throws {
    let resampling = PillowResampling()
    #expect(throws: TorchError.self) { try resampling(.zeros([3, 4, 4]), height: 2, width: 2) }
    #expect(throws: TorchError.self) { try resampling(.zeros([4, 4], dtype: .uint8), height: 2, width: 2) }
    #expect(throws: TorchError.self) {
      try resampling(.zeros([1, 4, 4], dtype: .uint8), height: 0, width: 2)
    }
  }
}
