import Evaluation
import Foundation
import Imaging
import Torch

/// The folder of an explanation: `explanation.json`, `report.html`, `pictures/` and `maps/` (docs/explain.md).
public struct ExplanationFolder: Sendable {
  /// The folder.
  public let url: URL

  /// Makes the folder.
  ///
  /// - Throws: `FileError` that names it.
  public init(_ url: URL) throws {
    self.url = url
    for name in ["pictures", "maps"] {
      try FileManager.default.createFolder(url.appendingPathComponent(name))
    }
  }

  /// The document.
  public var documentFile: URL { url.appendingPathComponent("explanation.json") }
  /// The page.
  public var pageFile: URL { url.appendingPathComponent("report.html") }

  /// Writes an image's pictures and maps.
  ///
  /// - Parameters:
  ///   - image: the image; its name is in the files' names.
  ///   - maps: what to write.
  /// - Returns: the image with its pictures.
  /// - Throws: `FileError` that names the file.
  public func write(_ image: ExplainedImage, _ maps: ExplanationMaps) throws -> ExplainedImage {
    var written = image
    written.pictures = try maps.pictures.map { label, suffix, picture in
      let file = "pictures/\(image.name)-\(suffix).png"
      try ImageFile.writePNG(picture, to: url.appendingPathComponent(file))
      return .init(label: label, file: file)
    }
    try SafetensorsFile.write(
      maps.tensors, to: url.appendingPathComponent("maps/\(image.name).safetensors"))
    return written
  }

  /// Writes document and page.
  ///
  /// - Throws: an error that names the file.
  public func write(_ explanation: Explanation) throws {
    try AtomicFile.write(json: explanation, to: documentFile)
    try AtomicFile.write(Data(try HTMLPage.explanation(explanation, in: url).text.utf8), to: pageFile)
  }
}
