import Foundation
import Imaging
import Testing
import Torch

@testable import Datasets

/// Reading for inference, where a JPEG need not be decoded whole.
@Suite struct QuickReadingTests {
  private func picture(_ width: Int, _ height: Int) throws -> Image {
    let pixels = (0..<height).flatMap { row in
      (0..<width).flatMap { column -> [UInt8] in
        [row * 255 / height, column * 255 / width, (row + column) % 97].map(UInt8.init)
      }
    }
    return try Image(width: width, height: height, channels: 3, pixels: pixels)
  }

  @Test(arguments: [(256, 192), (250, 190), (64, 48), (40, 30)])
  func levelsAreNearThoseOfTheWholePicture(_ size: (Int, Int)) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("quick-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("a.jpg")
    try ImageFile.writeJPEG(picture(size.0, size.1), quality: 95, to: file)
    let reader = SampleReader(size: 24)
    let (found, height, width, _) = try reader.quick(file)
    #expect((width, height) == size && found.shape == [3, 24, 24])
    let wanted = try reader.scaled(reader.image(file))
    // The third channel's stripes are finer than any of these scales can hold alike.
    let gap = try (found.to(.float32) - wanted.to(.float32)).magnitude()
      .narrowed(dim: 0, start: 0, length: 2).mean().item()
    #expect(gap < 2, "\(gap) levels")
  }
}
