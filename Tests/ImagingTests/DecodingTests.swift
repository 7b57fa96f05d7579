import Foundation
import Testing

@testable import Imaging

@Suite("Decoding")
struct DecodingTests {
  @Test("An image reads as expected", arguments: Fixtures.names("image"))
  func imageMatches(name: String) throws {
    #expect(try Fixtures.fault(try ImageFile.read(Fixtures.url(name)), name, "image") == nil)
  }

  @Test("A mask keeps its values", arguments: Fixtures.names("mask"))
  func maskMatches(name: String) throws {
    let mask = try MaskFile.read(Fixtures.url(name))
    #expect(mask.channels == 1)
    #expect(try Fixtures.fault(mask, name, "mask") == nil)
  }

  @Test("A palette file read as indices gives indices", arguments: Fixtures.names("indices"))
  func indicesMatch(name: String) throws {
    let mask = try MaskFile.read(Fixtures.url(name), as: .indices)
    #expect(mask.channels == 1)
    #expect(try Fixtures.fault(mask, name, "indices") == nil)
  }

  @Test("The header alone tells the upright size", arguments: Fixtures.names("image"))
  func sizeFromHeader(name: String) throws {
    let size = try ImageFile.size(Fixtures.url(name))
    let image = try ImageFile.read(Fixtures.url(name))
    #expect(size == (image.width, image.height))
  }

  @Test(
    "A file without a palette reads the same as grey and as indices", arguments: ["grey.png", "grey.tif"])
  func indicesOfGrey(name: String) throws {
    let url = Fixtures.url(name)
    #expect(try MaskFile.read(url, as: .indices) == MaskFile.read(url, as: .grey))
  }

  @Test("A grey file has one channel and always gives RGB")
  func greyHasOneChannel() throws {
    let grey = try ImageFile.read(Fixtures.url("grey.jpg"))
    #expect(grey.channels == 1)
    #expect(grey.rgb.channels == 3)
    #expect(grey.rgb.pixels.count == 3 * grey.pixels.count)
    #expect(Array(grey.rgb.pixels.prefix(3)) == [UInt8](repeating: grey.pixels[0], count: 3))
  }

  @Test("The name does not decide the format")
  func formatByContent() throws {
    let folder = try Fixtures.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let disguised = folder.appending(path: "picture.jpg")
    try FileManager.default.copyItem(at: Fixtures.url("rgb.png"), to: disguised)
    #expect(try ImageFile.read(disguised) == ImageFile.read(Fixtures.url("rgb.png")))
  }

  @Test("A JPEG decodes at a fraction of its size", arguments: [1, 2, 4, 8])
  func reducedJPEG(denominator: Int) throws {
    let image = try ImageFile.read(Fixtures.url("baseline.jpg"), reducedBy: denominator)
    let full = try ImageFile.size(Fixtures.url("baseline.jpg"))
    #expect(image.width == (full.width + denominator - 1) / denominator)
    #expect(image.height == (full.height + denominator - 1) / denominator)
    let means = [image, try ImageFile.read(Fixtures.url("baseline.jpg"))].map {
      $0.pixels.reduce(0.0) { $0 + Double($1) } / Double($0.pixels.count)
    }
    // An eighth of this picture is 5 × 4 pixels, of which the outer ones stand for less.
    #expect(abs(means[0] - means[1]) < 8)
  }

  @Test("A fraction that JPEG does not have is refused")
  func oddDenominator() {
    #expect(throws: ImagingError.self) { try ImageFile.read(Fixtures.url("baseline.jpg"), reducedBy: 3) }
  }

  @Test("A JPEG mask turns with its EXIF orientation")
  func maskOrientation() throws {
    let exif = try Fixtures.bytes("exif-6.jpg")
    let start = try #require(exif.indices.first { exif[$0] == 0xFF && exif[$0 + 1] == 0xE1 })
    let length = 2 + Int(exif[start + 2]) << 8 + Int(exif[start + 3])
    var mask = try Fixtures.bytes("mask.jpg")
    mask.insert(contentsOf: exif[start..<start + length], at: 2)
    let turned = try MaskFile.decode(mask, file: "mask")
    let straight = try MaskFile.read(Fixtures.url("mask.jpg"))
    #expect((turned.width, turned.height) == (straight.height, straight.width))
    #expect(turned == Orientation.turnedRight.apply(straight))
  }

  @Test("Turning by an orientation and its inverse gives the picture back", arguments: Orientation.allCases)
  func orientationInverse(orientation: Orientation) throws {
    let image = try ImageFile.read(Fixtures.url("rgb.png"))
    let inverse: Orientation =
      switch orientation {
      case .turnedLeft: .turnedRight
      case .turnedRight: .turnedLeft
      default: orientation
      }
    #expect(inverse.apply(orientation.apply(image)) == image)
  }

  @Test("Images are made only of sizes and samples that agree")
  func checkedImage() {
    #expect(throws: ImagingError.self) { try Image(width: 2, height: 2, channels: 1, pixels: [0, 0, 0]) }
    #expect(throws: ImagingError.self) { try Image(width: 2, height: 1, channels: 2, pixels: [0, 0, 0, 0]) }
    #expect(throws: ImagingError.self) { try Image(width: 0, height: 1, channels: 1, pixels: []) }
    #expect(throws: ImagingError.self) { try Image(width: .max, height: 3, channels: 3, pixels: []) }
    #expect(throws: Never.self) { try Image(width: 2, height: 1, channels: 1, pixels: [1, 2]) }
  }
}
