import Foundation
import Testing
import Torch

@testable import Imaging

@Suite("Grey maps of 16 bits")
struct GreyMapTests {
  @Test(
    "Numbers from 0 to 1 come back within half a step of 8 bits, in rows",
    arguments: [(1, 1), (3, 5), (40, 7)])
  func roundTrip(size: (height: Int, width: Int)) throws {
    let count = size.height * size.width
    let values = (0..<count).map { Double($0) / Double(max(1, count - 1)) }
    let data = try GreyMap.pngData(Tensor(values, shape: [size.height, size.width]))
    #expect([UInt8](data)[24] == 16 && [UInt8](data)[25] == 0, "bits a sample and colour in the header")
    let image = try ImageFile.decode([UInt8](data), file: "map")
    #expect(image.width == size.width && image.height == size.height && image.channels == 1)
    for (level, value) in zip(image.pixels, values) { #expect(abs(Double(level) / 255 - value) <= 1.0 / 255) }
  }

  @Test("Numbers outside are clamped, and a tensor of another rank is refused")
  func range() throws {
    let image = try ImageFile.decode(
      [UInt8](GreyMap.pngData(Tensor([-3.0, 0.5, 7], shape: [1, 3]))), file: "map")
    #expect(image.pixels.first == 0 && image.pixels.last == 255)
    #expect(throws: TorchError.self) { try GreyMap.pngData(.zeros([3])) }
  }
}
