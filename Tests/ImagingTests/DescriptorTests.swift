import Foundation
import Storage
import Testing
import Torch

@testable import Imaging

/// What files hold of the system.
@Suite struct DescriptorTests {
  @Test func aFileThatIsRefusedClosesNoOther() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "descriptors-\(UUID().uuidString)")
    try FileManager.default.createFolder(folder)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (empty, good) = (
      folder.appendingPathComponent("empty.png"), folder.appendingPathComponent("good.png")
    )
    try Data().write(to: empty)
    try ImageFile.writePNG(Image(width: 2, height: 2, channels: 1, pixels: [1, 2, 3, 4]), to: good)
    let widths = try concurrentMap(count: 8000, threads: 4) { index in
      guard index % 2 == 0 else { return try ImageFile.read(good).width }
      #expect(throws: ImagingError.self) { try ImageFile.read(empty) }
      return 2
    }
    #expect(widths.allSatisfy { $0 == 2 })
  }
}
