import Foundation
import Storage
import Torch

/// The true confounders of images, if the data states them.
///
/// `mcdrl synth` writes them to `factors.jsonl`, in lines `{"image": "images/1.png", "strengths":
/// {"blur": 0.6, …}, …}`. The path is relative to the file, which lies in a folder above the image.
/// See docs/reference/data-format.md.
package struct KnownConfounders: Sendable {
  /// The number of folders to search above an image: `images`, or `test/images`, and the site's.
  private static let levels = 3

  private struct Line: Decodable {
    let image: String
    let strengths: [String: Double]
  }

  /// The files that were read, in the order of the images.
  package let files: [URL]
  /// The strengths by folder and by the path of the image.
  private let found: [URL: [String: [String: Double]]]

  /// Reads the files in the folders above some images.
  ///
  /// - Parameter images: the image files; an image that no file names is unknown.
  /// - Throws: `FileError` or `DatasetError.badCatalog` that names an unreadable file and its line.
  package init(_ images: [URL]) throws {
    var (files, found): ([URL], [URL: [String: [String: Double]]]) = ([], [:])
    var visited = Set<URL>()
    for folder in images.flatMap(Self.folders) where visited.insert(folder).inserted {
      let file = folder.appendingPathComponent("factors.jsonl")
      guard FileManager.default.fileExists(atPath: file.path) else { continue }
      let lines: [Line] = try JSONLines.read(
        file, expected: "an image and the strengths of its confounders, as mcdrl synth writes them",
        where: { $0.strengths.values.allSatisfy(\.isFinite) })
      found[folder] = Dictionary(
        lines.map { (folder.appendingPathComponent($0.image).standardizedFileURL.path, $0.strengths) },
        uniquingKeysWith: { first, _ in first })
      files.append(file)
    }
    (self.files, self.found) = (files, found)
  }

  /// Returns the strengths of the confounders of an image; an absent confounder may be missing.
  ///
  /// - Parameter image: one of the image files.
  /// - Returns: strengths by name, from the nearest file that names the image; nil if no file does.
  package func strengths(of image: URL) -> [String: Double]? {
    let path = image.standardizedFileURL.path
    return Self.folders(above: image).lazy.compactMap { found[$0]?[path] }.first
  }

  /// Every confounder that any line names, in order.
  package var names: [String] { Set(found.values.flatMap { $0.values.flatMap(\.keys) }).sorted() }

  /// Returns the folders that may hold the file of an image, the nearest first.
  private static func folders(above image: URL) -> [URL] {
    let first = image.standardizedFileURL.deletingLastPathComponent()
    return (0..<levels).reduce(into: [first]) { folders, _ in
      folders.append(folders[folders.count - 1].deletingLastPathComponent())
    }.dropLast()
  }
}
