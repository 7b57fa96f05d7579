import Foundation
import Metrics
import Testing

/// Agreement with MONAI, MedPy, OpenCV, SciPy and NumPy on `Fixtures/metrics.json`, made by `Fixtures/make_fixtures.py`.
@Suite struct PeerAgreementTests {
  struct Fixture: Decodable {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
      let name: String
      let prediction: String
      let reference: String
      let tolerance: Double
      let spacing: [Double]?
      let detection: [String: Int]
      let expected: [String: Double?]
      let monai: [String: Double?]
      var testDescription: String { name }
    }
    let cases: [Case]
  }

  static func cases() throws -> [Fixture.Case] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/metrics.json")
    return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file)).cases
  }

  @Test func thereAreCases() throws { #expect(try Self.cases().count >= 40) }

  @Test(arguments: try cases()) func agrees(with fixture: Fixture.Case) throws {
    let scores = try ImageScores(
      prediction: BinaryMask(fixture.prediction), reference: BinaryMask(fixture.reference),
      tolerance: fixture.tolerance, spacing: fixture.spacing.map { try PixelSpacing(x: $0[0], y: $0[1]) })
    #expect(scores.distanceUnit == (fixture.spacing == nil ? .pixels : .millimetres))
    let detection = scores.detection
    #expect(
      ["found": detection.found, "missed": detection.missed, "false": detection.falseMarks]
        == fixture.detection)
    for metric in Metric.allCases {
      let expected = try #require(fixture.expected[metric.rawValue])
      let found = scores[metric]
      #expect((found == nil) == (expected == nil), "\(metric.rawValue)")
      if let found, let expected { #expect(abs(found - expected) <= 1e-9, "\(metric.rawValue)") }
      // MONAI computes in float32, so it is held to 1e-6 of the value where that is above 1. It has no rule for
      // distances of empty masks, where ours stands.
      if let peer = fixture.monai[metric.rawValue], let peer, let found {
        #expect(abs(found - peer) <= 1e-6 * max(1, peer), "\(metric.rawValue) by MONAI")
      }
    }
  }
}
