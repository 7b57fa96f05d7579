import Foundation
import Testing
import Torch

@testable import Imaging

@Suite("Files of grey maps")
struct GreyMapFileTests {
  /// A folder that goes away with the value.
  private final class Folder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("grey-\(UUID().uuidString)")
    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }

    func read(_ data: Data, _ ending: String) throws -> GreyMap.Levels {
      let file = url.appendingPathComponent("map.\(ending)")
      try data.write(to: file)
      return try GreyMap.levels(file)
    }
  }

  private func words(_ levels: GreyMap.Levels) throws -> [UInt16] {
    guard case .words(let words, _, _) = levels else {
      Issue.record("the map was read with 8 bits")
      return []
    }
    return words
  }

  @Test(
    "Every level comes back from a PNG and a TIFF, in rows",
    arguments: [(1, 3), (3, 5), (256, 256), (2, 140_000)])
  func everyLevel(size: (height: Int, width: Int)) throws {
    let folder = try Folder()
    let count = size.height * size.width
    let levels = (0..<count).map { $0 % 65_536 }
    let map = try Tensor(levels.map { Double($0) / 65_535 }, shape: [size.height, size.width])
    for (data, ending) in [(try GreyMap.pngData(map), "png"), (try GreyMap.tiffData(map), "tif")] {
      let found = try folder.read(data, ending)
      #expect(found.width == size.width && found.height == size.height, "\(ending)")
      #expect(try words(found).map(Int.init) == levels, "\(ending)")
      #expect(try ImageFile.decode([UInt8](data), file: "map").channels == 1)
    }
  }

  @Test("A threshold of 0.5 finds the same pixels in the file as in the map")
  func threshold() throws {
    let folder = try Folder()
    let half: Float = 0.5
    let values = [0, half.nextDown, half, half.nextUp, 0.499_99, 0.500_01, 1]
    let map = try Tensor(values, shape: [1, values.count])
    for (data, ending) in [(try GreyMap.pngData(map), "png"), (try GreyMap.tiffData(map), "tif")] {
      let found = try words(folder.read(data, ending)).map { Float($0) / 65_535 >= 0.5 }
      #expect(found == values.map { $0 >= 0.5 }, "\(ending)")
    }
  }

  @Test("Masks of 16 bits and pictures of 8 bits are read as masks are")
  func masks() throws {
    let folder = try Folder()
    for white in [255.0 / 65_535, 1] {
      let data = try GreyMap.pngData(Tensor([0, white, white, 0], shape: [2, 2]))
      guard case .bytes(let image) = try folder.read(data, "png") else {
        Issue.record("\(white) is a mask")
        continue
      }
      #expect(image.pixels == [0, 255, 255, 0])
    }
    let grey = try Image(width: 2, height: 1, channels: 1, pixels: [3, 200]).pngData()
    guard case .bytes(let image) = try folder.read(grey, "png") else {
      Issue.record("8 bits stay 8 bits")
      return
    }
    #expect(image.pixels == [3, 200])
    #expect(throws: ImagingError.self) { try GreyMap.levels(folder.url.appendingPathComponent("none.png")) }
    #expect(throws: TorchError.self) { try GreyMap.tiffData(.zeros([3])) }
  }
}
