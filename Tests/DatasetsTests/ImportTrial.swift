import Foundation
import Imaging
import Storage
import TestSupport

@testable import Datasets

/// A source that a test builds, and what an import makes of it.
struct ImportTrial {
  let scratch: Scratch
  static let (width, height) = (32, 24)
  var data: URL { scratch.file("DATA") }
  var source: URL { scratch.file("source") }

  init() throws {
    scratch = try Scratch()
    try scratch.folder("source")
  }

  /// The mask of a number: white from 8 to 24 in x, and one of three rows of blocks, which JPEG keeps.
  static func mask(_ number: Int, value: UInt8 = 255) -> [UInt8] {
    (0..<width * height).map { pixel in
      (8..<24).contains(pixel % width) && pixel / width / 8 == number % 3 ? value : 0
    }
  }

  /// Writes a picture as PNG, or as JPEG by its ending; the content decides the format, not the name.
  func write(_ path: String, channels: Int, _ pixels: [UInt8], width: Int = width) throws {
    let place = "source/" + path
    try scratch.touch(place)
    let image = try Image(
      width: width, height: pixels.count / width / channels, channels: channels, pixels: pixels)
    if path.lowercased().hasSuffix("jpg") || path.lowercased().hasSuffix("jpeg") {
      try ImageFile.writeJPEG(image, quality: 95, to: scratch.file(place))
    } else {
      try ImageFile.writePNG(image, to: scratch.file(place))
    }
  }

  /// Writes an image that differs from those of other numbers.
  func image(_ path: String, _ number: Int) throws {
    let pixels = (0..<Self.width * Self.height * 3).map { UInt8(truncatingIfNeeded: $0 * (number + 3) / 7) }
    try write(path, channels: 3, pixels)
  }

  /// Writes an image and its mask.
  func pair(_ image: String, _ mask: String, _ number: Int, value: UInt8 = 255) throws {
    try self.image(image, number)
    try write(mask, channels: 1, Self.mask(number, value: value))
  }

  /// Imports the source, and returns the records by site.
  @discardableResult
  func run(
    _ kind: String, site: String = "s", _ change: (inout ImportOptions) -> Void = { _ in }
  ) throws -> [String: ImportRecord] {
    var options = ImportOptions()
    change(&options)
    let kind = try ImportKind.named(kind)
    let listing = try kind.listing(source, options: options)
    var records: [String: ImportRecord] = [:]
    for (name, part, own) in SiteImport.sites(listing, named: site) {
      records[name] = try SiteImport(
        own, of: source, kind: kind.name, site: name, data: data, options: options, part: part
      ).write().record
    }
    return records
  }

  /// The pixels of a mask of a site.
  func mask(_ path: String) throws -> [UInt8] { try MaskFile.read(data.appendingPathComponent(path)).pixels }

  /// The content of every file of the data folder, by path.
  func files() throws -> [String: Data] {
    let all = try FileManager.default.subpathsOfDirectory(atPath: data.path)
    return try Dictionary(
      uniqueKeysWithValues: all.filter { FileSystem.kind(of: data.appendingPathComponent($0)) == .file }
        .map { ($0, try Data(file: data.appendingPathComponent($0))) })
  }
}

extension ImportRecord {
  /// The names of the images in the site.
  var stems: [String] { images.map { DistinctStems.stem($0.image) } }

  /// The reason why a file is left out.
  func reason(_ file: String) -> String { leftOut.first { $0.file == file }?.reason ?? "" }
}
