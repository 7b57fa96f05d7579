import Foundation
import Imaging
import Torch

/// A small data set that is drawn, for trying the pipeline without data: bright discs on reddish ground.
///
/// Sites differ in hue, brightness and noise. It stands in for real images only as far as files go.
public enum DemoData {
  /// Writes three sites of 40 images, 96×80, into a folder.
  ///
  /// - Parameters:
  ///   - folder: where to; made when it is not there.
  ///   - seed: the same seed gives the same bytes.
  /// - Throws: `FileError` that names the file.
  public static func write(to folder: URL, seed: UInt64) throws {
    let tints: [(String, [Double])] = [
      ("a", [0.75, 0.40, 0.35]), ("b", [0.55, 0.45, 0.45]), ("c", [0.85, 0.50, 0.30]),
    ]
    for (name, tint) in tints {
      let images = folder.appendingPathComponent("\(name)/images")
      let masks = folder.appendingPathComponent("\(name)/masks")
      for target in [images, masks] {
        try FileManager.default.createFolder(target)
      }
      let generator = try Generator(seed: seed, for: "demo", name)
      for index in 0..<40 {
        let (pixels, mask) = try draw(tint, hasLesion: index % 10 != 9, generator)
        let stem = String(format: "%03d.png", index)
        try write(pixels, to: images.appendingPathComponent(stem))
        try write(mask, to: masks.appendingPathComponent(stem))
      }
    }
  }

  /// One picture: uint8 80×96×3 and its mask, uint8 80×96×1 of 0 and 255.
  private static func draw(
    _ tint: [Double], hasLesion: Bool, _ generator: Generator
  ) throws -> (Tensor, Tensor) {
    let (height, width) = (80, 96)
    let draws = try Tensor.randomUniform([5], generator: generator).doubles()
    let x = try Tensor.linspace(0, 1, count: width).reshaped([1, width])
    let y = try Tensor.linspace(0, 1, count: height).reshaped([height, 1])
    let (dx, dy) = (try x - (0.25 + 0.5 * draws[0]), try y - (0.25 + 0.5 * draws[1]))
    let radius = 0.1 + 0.15 * draws[2]
    let distance = try (dx * dx * (0.7 + 0.6 * draws[3]) + dy * dy).squareRoot()
    let inside = try hasLesion ? distance.less(than: radius) : distance.less(than: 0)
    let ground =
      try Tensor.randomNormal([1, 1, 6, 6], generator: generator)
      .resized(height: height, width: width, interpolation: .bicubic).reshaped([height, width]) * 0.08
    let noise = try Tensor.randomNormal([height, width, 3], generator: generator) * (0.02 + 0.04 * draws[4])
    let dome = try (1 - distance / radius).clamped(min: 0) * inside.to(.float32) * 0.25
    let shade = try (ground + dome + inside.to(.float32) * 0.06).reshaped([height, width, 1])
    let colours = try Tensor(tint.map(Float.init), shape: [1, 1, 3])
    let pixels = try ((colours + shade + noise).clamped(min: 0, max: 1) * 255).rounded().to(.uint8)
    return (pixels, try (inside.to(.float32) * 255).to(.uint8).reshaped([height, width, 1]))
  }

  private static func write(_ pixels: Tensor, to url: URL) throws {
    let sizes = try pixels.sizes(rank: 3, "the picture")
    let image = try Image(width: sizes[1], height: sizes[0], channels: sizes[2], pixels: pixels.array())
    try ImageFile.writePNG(image, to: url)
  }
}
