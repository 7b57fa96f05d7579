import Foundation
import Imaging
import TestSupport
import Torch

@testable import Datasets

/// A temporary folder that goes away with the value that holds it.
final class Scratch {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("datasets-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ path: String) -> URL { url.appendingPathComponent(path) }

  func folder(_ path: String) throws {
    try FileManager.default.createDirectory(at: file(path), withIntermediateDirectories: true)
  }

  func text(_ path: String, _ text: String) throws {
    try folder(file(path).deletingLastPathComponent().path.replacingOccurrences(of: url.path, with: ""))
    try Data(text.utf8).write(to: file(path))
  }

  /// An empty file at each path; enough where no image is read.
  func touch(_ paths: String...) throws { for path in paths { try text(path, "") } }

  /// A grey PNG whose pixels are given row by row.
  func grey(_ path: String, width: Int, _ pixels: [UInt8]) throws {
    try touch(path)
    let image = try Image(width: width, height: pixels.count / width, channels: 1, pixels: pixels)
    try ImageFile.writePNG(image, to: file(path))
  }

  /// A picture of soft blobs, the same for the same number, as PNG or JPEG by its ending; `change` works on 0 to 255.
  func picture(
    _ path: String, _ number: Int, width: Int = 160, height: Int = 128, quality: Int = 90,
    change: (Tensor) throws -> Tensor = { $0 }
  ) throws {
    try touch(path)
    let colours = try change(Self.blobs(number, width: width, height: height)).clamped(min: 0, max: 255)
    let image = try Image(colours.to(.uint8))
    if path.hasSuffix("png") {
      try ImageFile.writePNG(image, to: file(path))
    } else {
      try ImageFile.writeJPEG(image, quality: quality, to: file(path))
    }
  }

  /// Blobs as float32, 3×H×W, 40 to 220.
  static func blobs(_ number: Int, width: Int, height: Int) throws -> Tensor {
    try Tensor.randomUniform([1, 3, 9, 11], low: 40, high: 220, generator: Generator(seed: UInt64(number)))
      .resized(height: height, width: width).squeezed(0)
  }

  func sample(_ image: String, _ mask: String?, labels: [Int]? = nil) -> Sample {
    Sample(
      site: "a", id: "x", image: ListedFile(file(image)), mask: mask.map { ListedFile(file($0)) },
      lesionClass: nil,
      group: "a/x", lesionLabels: labels)
  }
}
