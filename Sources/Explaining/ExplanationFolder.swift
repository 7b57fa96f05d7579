import Foundation
import Imaging
import Storage
import Studies
import Torch

/// The folder of an explanation.
///
/// See docs/reference/explanation-format.md. It contains `explanation.json`, `report.html`,
/// `pictures/` and `maps/`.
package struct ExplanationFolder: Sendable {
  /// The folder.
  package let url: URL

  /// Makes the folder.
  ///
  /// - Throws: `FileError` that names it.
  package init(_ url: URL) throws {
    self.url = url
    for name in ["pictures", "maps"] {
      try FileManager.default.createFolder(url.appendingPathComponent(name))
    }
  }

  /// The file of the document.
  package var documentFile: URL { url.appendingPathComponent("explanation.json") }
  /// The file of the page.
  package var pageFile: URL { url.appendingPathComponent("report.html") }

  /// Writes the pictures and maps of an image.
  ///
  /// - Parameters:
  ///   - image: the image; its name is in the names of the files.
  ///   - maps: the maps and pictures.
  /// - Returns: the image with its pictures.
  /// - Throws: `FileError` that names the file.
  package func write(_ image: ExplainedImage, _ maps: ExplanationMaps) throws -> ExplainedImage {
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

  /// Writes the document.
  ///
  /// - Throws: an error that names the file.
  package func write(_ explanation: Explanation) throws {
    try AtomicFile.write(json: explanation, to: documentFile)
  }
}
