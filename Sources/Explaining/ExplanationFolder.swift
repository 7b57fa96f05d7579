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

  /// Makes the folder, and removes the files of an earlier explanation of the same run.
  ///
  /// So it never mixes the images of two explanations.
  ///
  /// - Parameters:
  ///   - url: the folder.
  ///   - run: the run folder, as written; nil removes nothing.
  /// - Throws: `ExplainingError.folderInUse` if it holds the explanation of another run or an
  ///   unreadable one, or `FileError` that names the folder.
  package init(_ url: URL, of run: String? = nil) throws {
    self.url = url
    if let run { try removeEarlier(of: run) }
    for name in ["pictures", "maps"] {
      try FileManager.default.createFolder(url.appendingPathComponent(name))
      AtomicFile.removeLeftovers(in: url.appendingPathComponent(name), unchangedFor: 0)
    }
  }

  private func removeEarlier(of run: String) throws {
    func path(_ run: String) -> String { URL(fileURLWithPath: run).standardizedFileURL.path }
    guard FileManager.default.fileExists(atPath: documentFile.path) else { return }
    guard let old = try? JSONDecoder().decode(Explanation.self, from: Data(file: documentFile)) else {
      throw ExplainingError.folderInUse(documentFile, holds: "an explanation that cannot be read")
    }
    guard path(old.model.run) == path(run) else {
      throw ExplainingError.folderInUse(documentFile, holds: "the explanation of \(old.model.run)")
    }
    let (pictures, maps) = (url.appendingPathComponent("pictures"), url.appendingPathComponent("maps"))
    let files = old.images.flatMap { image in
      image.pictures.map { pictures.appendingPathComponent(URL(fileURLWithPath: $0.file).lastPathComponent) }
        + [maps.appendingPathComponent("\(URL(fileURLWithPath: image.name).lastPathComponent).safetensors")]
    }
    // The document goes last, so that a call after an interruption still finds the names.
    for file in files + [pageFile, documentFile] where FileManager.default.fileExists(atPath: file.path) {
      do { try FileManager.default.removeItem(at: file) } catch {
        throw FileError.cannotWrite(file, reason: FileError.reason(of: error))
      }
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
