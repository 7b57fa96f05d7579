import Foundation
import Imaging

/// The synthetic pictures in Fixtures/ and what a correct reader sees in them.
enum Fixtures {
  struct Expectation: Decodable {
    let width: Int
    let height: Int
    let channels: Int
    let tolerance: Int
    let samples: String
  }

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

  /// File name → kind ("image", "mask" or "indices") → expectation.
  static let expected: [String: [String: Expectation]] = {
    do {
      let data = try Data(contentsOf: folder.appending(path: "expected.json"))
      return try JSONDecoder().decode([String: [String: Expectation]].self, from: data)
    } catch {
      fatalError("Fixtures/expected.json: \(error); run make_fixtures.py")
    }
  }()

  static func url(_ name: String) -> URL { folder.appending(path: name) }

  static func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: url(name))) }

  static func names(_ kind: String) -> [String] {
    expected.filter { $0.value[kind] != nil }.keys.sorted()
  }

  /// Every picture file, also those with nothing expected.
  static let all: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { name in [".jpg", ".png", ".tif", ".bmp"].contains { name.hasSuffix($0) } }.sorted()
  }()

  static func samples(_ expectation: Expectation) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: folder.appending(path: "expected/\(expectation.samples)")))
  }

  /// What is wrong with a decoded picture, or nil.
  static func fault(_ image: Image, _ name: String, _ kind: String) throws -> String? {
    guard let expectation = expected[name]?[kind] else { return "\(name) has no \(kind) expected" }
    let samples = try samples(expectation)
    guard image.width == expectation.width, image.height == expectation.height else {
      return "\(image.width) × \(image.height), not \(expectation.width) × \(expectation.height)"
    }
    // A reader may give grey where the expectation is RGB of equal channels, or the other way round.
    let pair = image.channels == expectation.channels ? image.pixels : image.rgb.pixels
    let other =
      pair.count == samples.count
      ? samples
      : try Image(
        width: expectation.width, height: expectation.height, channels: expectation.channels, pixels: samples
      ).rgb.pixels
    let worst = zip(pair, other).map { abs(Int($0) - Int($1)) }.max() ?? 0
    return worst <= expectation.tolerance
      ? nil : "a sample is off by \(worst), \(expectation.tolerance) allowed"
  }

  /// A new empty folder, removed by the caller.
  static func temporaryFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(path: "imaging-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }
}
