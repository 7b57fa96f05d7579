import Foundation
import Metrics
import Testing
import TestSupport

/// `Fixtures/maps.json`, made by `Fixtures/make_maps.py`.
struct MapFixture: Decodable {
  struct Case: Decodable, Sendable, CustomTestStringConvertible {
    struct Curve: Decodable, Sendable {
      let mean: Double
      let max: Double
      let every_15th: [Double]
    }
    struct Polyp: Decodable, Sendable {
      let s_measure: Double?
      let weighted_f: Double
      let mae: Double
      let e_measure: Curve
      let dice: Curve
      let iou: Curve
    }
    struct Calibration: Decodable, Sendable {
      let brier: Double
      let ece: Double
      let n: [Int]
      let mean_confidence: [Double?]
      let share_positive: [Double?]
    }
    let name: String
    let map: String
    let reference: String
    let polyp: Polyp
    let calibration: Calibration
    var testDescription: String { name }

    func masks() throws -> (map: ProbabilityMap, reference: BinaryMask) {
      let reference = try BinaryMask(self.reference)
      let digits = Array(map.filter { $0 != "/" })
      let levels = try stride(from: 0, to: digits.count, by: 2).map {
        try #require(UInt8(String(digits[$0...($0 + 1)]), radix: 16))
      }
      return (try ProbabilityMap(width: reference.width, height: reference.height, levels: levels), reference)
    }
  }
  let cases: [Case]

  static func cases() throws -> [Case] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/maps.json")
    return try JSONDecoder().decode(MapFixture.self, from: Data(contentsOf: file)).cases
  }
}
