import Foundation

/// Which confounders are truly in an image, where the data says so; `mcdrl synth` writes it to `factors.jsonl`.
///
/// Lines `{"image": "images/1.png", "strengths": {"blur": 0.6, …}}`, the path relative to the file, which lies in a folder
/// above the image. See docs/data.md.
public struct KnownConfounders: Sendable {
  /// From which strength on a confounder can be seen and counts as present.
  public static let visibleStrength = 0.3

  private struct Line: Decodable {
    let image: String
    let strengths: [String: Double]
  }

  /// By the image's path.
  private let strengths: [String: [String: Double]]

  /// Reads the files that lie above some images.
  ///
  /// - Parameter samples: the images; those that no file names are unknown.
  /// - Throws: `FileError` or `DatasetError.badCatalog` that names a file that is there but cannot be read, and its line.
  public init(_ samples: [Sample]) throws {
    var found: [String: [String: Double]] = [:]
    var visited = Set<URL>()
    for sample in samples {
      var folder = sample.image.standardizedFileURL
      // images/, or test/images/, in the site's folder.
      for _ in 0..<3 {
        folder.deleteLastPathComponent()
        guard visited.insert(folder).inserted else { continue }
        let file = folder.appendingPathComponent("factors.jsonl")
        guard FileManager.default.fileExists(atPath: file.path) else { continue }
        let expected = "an image and the strengths of its confounders, as mcdrl synth writes them"
        for line: Line in try JSONLines.read(file, expected: expected) {
          found[folder.appendingPathComponent(line.image).standardizedFileURL.path] = line.strengths
        }
      }
    }
    strengths = found
  }

  /// The confounders that can be seen in an image; nil where nothing is known of it.
  public func visible(in sample: Sample) -> Set<String>? {
    strengths[sample.image.standardizedFileURL.path].map { factors in
      Set(factors.filter { $0.value >= Self.visibleStrength }.keys)
    }
  }

  /// Every confounder that some line names, in order.
  public var names: [String] { Set(strengths.values.flatMap(\.keys)).sorted() }
}
