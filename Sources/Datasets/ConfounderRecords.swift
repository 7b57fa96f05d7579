import Foundation

/// The true confounders of rendered images, from the `factors.jsonl` that `mcdrl synth` writes above them.
///
/// Its lines are `{"image": "images/1.png", "strengths": {"blur": 0.7}, …}`, paths relative to its folder.
public struct ConfounderRecords {
  /// How many folders above an image are looked into.
  private static let levels = 3

  private struct Record: Decodable {
    let image: String
    let strengths: [String: Double]
  }

  /// What the files say that were read; nil for folders without one.
  private var found: [URL: [String: [String: Double]]?] = [:]

  /// Nothing is read yet.
  public init() {}

  /// The strengths of the confounders that are in an image; those that are absent have none.
  ///
  /// - Parameter image: the image file.
  /// - Returns: strengths by name; nil when no file states them.
  /// - Throws: `FileError` or `DatasetError.badCatalog` that names the file and the line.
  public mutating func strengths(of image: URL) throws -> [String: Double]? {
    let path = image.standardizedFileURL.path
    var folder = image.standardizedFileURL.deletingLastPathComponent()
    for _ in 0..<Self.levels {
      if let strengths = try records(in: folder)?[path] { return strengths }
      folder.deleteLastPathComponent()
    }
    return nil
  }

  private mutating func records(in folder: URL) throws -> [String: [String: Double]]? {
    if let known = found[folder] { return known }
    let file = folder.appendingPathComponent("factors.jsonl")
    var byImage: [String: [String: Double]]?
    if FileManager.default.fileExists(atPath: file.path) {
      let records: [Record] = try JSONLines.read(
        file, expected: "image and strengths, as mcdrl synth writes it",
        where: { $0.strengths.values.allSatisfy(\.isFinite) })
      byImage = Dictionary(
        records.map { (folder.appendingPathComponent($0.image).standardizedFileURL.path, $0.strengths) },
        uniquingKeysWith: { first, _ in first })
    }
    found[folder] = .some(byImage)
    return byImage
  }
}
