import Foundation
import Imaging
import Metrics
import Storage
import Torch
import Training

/// The images and masks that `mcdrl predict` wrote, for a review without the run.
package struct PredictionFolder: Sendable {
  /// A line of `predictions.jsonl`; the keys that a review needs.
  struct Line: Decodable, Sendable {
    /// One of several classes.
    struct Part: Decodable, Sendable {
      var name: String
      var files: [String]
      enum CodingKeys: String, CodingKey {
        case files
        case name = "class"
      }
    }

    var image: String
    var name: String
    var frame: Int?
    var width: Int
    var height: Int
    var files: [String]
    var classes: [Part]?
  }

  /// The name of the file with a line for each image.
  private static let recordName = "predictions.jsonl"

  private let folder: URL
  private let lines: [Line]
  private let frames = DICOMFrames()
  private let limits: ImageLimits
  /// The classes with a mask each; empty for one mask of all lesions.
  package let classes: [String]
  /// The images, in the order of the lines.
  package let inputs: [ReviewInput]

  /// Whether a folder holds predictions, and no run.
  package static func isOne(_ url: URL) -> Bool {
    FileSystem.kind(of: url.appendingPathComponent(recordName)) == .file
      && FileSystem.kind(of: url.appendingPathComponent("config.json")) == nil
  }

  /// Reads the lines of a folder.
  ///
  /// - Parameters:
  ///   - url: the folder.
  ///   - limits: the limits above which pictures are rejected.
  /// - Throws: `FileError` that names the file, and the line that cannot be used.
  package init(_ url: URL, limits: ImageLimits) throws {
    let file = url.appendingPathComponent(Self.recordName)
    lines = try JSONLines.read(file, expected: "a line of mcdrl predict") { line in
      line.width > 0 && line.height > 0 && (line.frame ?? 1) > 0 && !line.name.contains("/")
        && line.image.hasPrefix("/")
    }
    (folder, self.limits) = (url, limits)
    classes = lines[0].classes?.map(\.name) ?? []
    let names = classes
    guard lines.allSatisfy({ ($0.classes?.map(\.name) ?? []) == names }) else {
      throw FileError.malformed(
        file, reason: "its lines have different classes; predict all images with one run")
    }
    guard Set(lines.map(\.name)).count == lines.count else {
      throw FileError.malformed(file, reason: "two lines have one name; predict the images again")
    }
    let frames = frames
    inputs = lines.map { line in
      let url = URL(fileURLWithPath: line.image)
      let shown = url.lastPathComponent + (line.frame.map { ", frame \($0)" } ?? "")
      guard DICOMFile.isDICOM(url) else {
        let plain = PredictionInput(url)
        return ReviewInput(
          plain.name == line.name
            ? plain : PredictionInput(frameOf: url, name: line.name) { try ImageFile.read(url, limits: $0) },
          file: shown)
      }
      return ReviewInput(
        PredictionInput(frameOf: url, name: line.name, frame: line.frame, isDICOM: true) {
          try frames.frame((line.frame ?? 1) - 1, of: url, limits: $0)
        }, file: shown)
    }
  }

  /// Reads the picture and the masks of an image.
  ///
  /// - Parameter index: its place among the inputs.
  /// - Returns: the look; it has probabilities where they were written, too.
  /// - Throws: an error that names the file and the fix.
  package func look(_ index: Int) throws -> ReviewMaker.Look {
    let (line, source) = (lines[index], inputs[index].source)
    guard FileSystem.kind(of: source.file) == .file else {
      throw FileError.malformed(
        folder.appendingPathComponent(Self.recordName),
        reason: "names \(source.file.shownPath), and no such file is there; put the image back there")
    }
    let picture = try source.reading?(limits) ?? ImageFile.read(source.file, limits: limits)
    guard picture.width == line.width, picture.height == line.height else {
      throw FileError.malformed(
        source.file,
        reason:
          "has \(picture.width)×\(picture.height) pixels, and its mask is of \(line.width)×\(line.height); predict it again"
      )
    }
    let parts: [(stem: String, files: [String])] =
      line.classes?.map { ("\(line.name)-\(RunConfiguration.fileName(ofClass: $0.name))", $0.files) }
      ?? [(line.name, line.files)]
    let masks = try parts.map { try mask($0.stem, $0.files, line) }
    let maps = try parts.compactMap { try probability($0.stem, $0.files, line) }
    return ReviewMaker.Look(
      masks: try .stacked(masks), probability: maps.count == parts.count ? try .stacked(maps) : nil,
      picture: try picture.rgb.tensor)
  }

  /// Reads a mask, bool H×W.
  private func mask(_ stem: String, _ files: [String], _ line: Line) throws -> Tensor {
    let name = ["\(stem)-mask.png", "\(stem).png"].first(where: files.contains)
    guard let file = name.map(folder.appendingPathComponent), FileSystem.kind(of: file) == .file,
      case let content = try MaskFile.content(file, limits: limits), content.isBilevel
    else {
      throw FileError.malformed(
        folder.appendingPathComponent(Self.recordName),
        reason: "\(NativePath.shown(line.name)) has no mask here; predict with --format mask,probability")
    }
    guard content.image.width == line.width, content.image.height == line.height else {
      throw FileError.malformed(file, reason: "is not of its image's size; predict the image again")
    }
    return try content.image.tensor.selected(dim: 0, index: 0).greater(than: 0)
  }

  /// Reads probabilities, float32 H×W; nil if none were written.
  private func probability(_ stem: String, _ files: [String], _ line: Line) throws -> Tensor? {
    guard
      let name = ["\(stem)-probability.png", "\(stem)-probability.tif"].first(where: files.contains)
    else { return nil }
    let file = folder.appendingPathComponent(name)
    let levels = try GreyMap.levels(file, limits: limits)
    guard levels.width == line.width, levels.height == line.height else {
      throw FileError.malformed(file, reason: "is not of its image's size; predict the image again")
    }
    switch levels {
    case .bytes(let image): return try image.tensor.selected(dim: 0, index: 0).to(.float32) / 255
    case .words(let words, let width, let height):
      return try Tensor(words.map { Float($0) / 65535 }, shape: [height, width])
    }
  }
}
