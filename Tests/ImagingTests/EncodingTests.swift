import Foundation
import Storage
import TestSupport
import Testing
import Torch

@testable import Imaging

@Suite("Encoding")
struct EncodingTests {
  private func random(width: Int, height: Int, channels: Int, seed: UInt64) throws -> Image {
    var generator = SplitMix(seed: seed)
    let pixels = (0..<width * height * channels).map { _ in UInt8.random(in: 0...255, using: &generator) }
    return try Image(width: width, height: height, channels: channels, pixels: pixels)
  }

  @Test("PNG gives back what was written", arguments: [(1, 1), (7, 3), (8, 8), (9, 40), (333, 2)], [1, 3])
  func pngRoundTrip(size: (Int, Int), channels: Int) throws {
    let image = try random(width: size.0, height: size.1, channels: channels, seed: 3)
    #expect(try ImageFile.decode([UInt8](try image.pngData()), file: "round") == image)
  }

  @Test("A 1-bit PNG gives back 0 and 255", arguments: [1, 7, 8, 9, 64, 65])
  func bilevelRoundTrip(width: Int) throws {
    let values = try random(width: width, height: 5, channels: 1, seed: 9).pixels.map {
      $0 > 127 ? UInt8(255) : 0
    }
    let mask = try Image(width: width, height: 5, channels: 1, pixels: values)
    let data = [UInt8](try mask.bilevelPNGData())
    #expect(data[24] == 1, "bits a sample in the header")
    #expect(try MaskFile.decode(data, file: "round") == mask)
  }

  @Test("JPEG gives back nearly what was written")
  func jpegRoundTrip() throws {
    let image = try ImageFile.read(Fixtures.url("rgb.png"))
    let back = try ImageFile.decode([UInt8](try image.jpegData(quality: 95)), file: "round")
    let error = zip(image.pixels, back.pixels).reduce(0.0) { $0 + abs(Double($1.0) - Double($1.1)) }
    #expect(error / Double(image.pixels.count) < 4)
    let grey = try ImageFile.read(Fixtures.url("grey.png"))
    #expect(try ImageFile.decode([UInt8](try grey.jpegData()), file: "round").channels == 1)
  }

  @Test("What cannot be encoded is an error")
  func refused() throws {
    let image = try random(width: 2, height: 2, channels: 3, seed: 1)
    #expect(throws: ImagingError.self) { try image.jpegData(quality: 0) }
    #expect(throws: ImagingError.self) { try image.bilevelPNGData() }
    let wide = try Image(width: 70_000, height: 1, channels: 1, pixels: [UInt8](repeating: 0, count: 70_000))
    #expect(throws: ImagingError.self) { try wide.jpegData() }
    #expect(throws: Never.self) { try wide.pngData() }
  }

  @Test("Files are written whole, replace old ones and leave nothing beside them")
  func writing() throws {
    let folder = try Fixtures.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let image = try random(width: 5, height: 4, channels: 3, seed: 2)
    let labels = try random(width: 5, height: 4, channels: 1, seed: 2)
    try Data("old".utf8).write(to: folder.appending(path: "a.png"))
    try ImageFile.writePNG(image, to: folder.appending(path: "a.png"))
    try ImageFile.writeJPEG(image, to: folder.appending(path: "b.jpg"))
    try MaskFile.writeLabels(labels, to: folder.appending(path: "c.png"))
    try MaskFile.writeBinary(labels, to: folder.appending(path: "d.png"))
    #expect(try ImageFile.read(folder.appending(path: "a.png")) == image)
    #expect(try MaskFile.read(folder.appending(path: "c.png")) == labels)
    #expect(
      try MaskFile.read(folder.appending(path: "d.png")).pixels == labels.pixels.map { $0 == 0 ? 0 : 255 })
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(names == ["a.png", "b.jpg", "c.png", "d.png"])
  }

  @Test("A folder that is not there is an error that names the path")
  func writeFailures() throws {
    let image = try random(width: 64, height: 64, channels: 3, seed: 2)
    let nowhere = URL(fileURLWithPath: "/nonexistent/folder/a.png")
    #expect { try ImageFile.writePNG(image, to: nowhere) } throws: { error in
      error is FileError && "\(error)".contains(nowhere.path)
    }
  }
}
