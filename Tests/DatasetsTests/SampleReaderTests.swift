import Foundation
import Testing
import TestSupport
import Torch

@testable import Datasets

@Suite("Sample reader")
struct SampleReaderTests {
  @Test("A mask of another size is an error that names both files and both sizes")
  func sizeMismatch() throws {
    let scratch = try Scratch()
    try scratch.grey("image.png", width: 3, [0, 1, 2, 3, 4, 5])
    try scratch.grey("mask.png", width: 2, [0, 0, 0, 0])
    let text = message { _ = try SampleReader(size: 4).pair(scratch.sample("image.png", "mask.png")) }
    #expect(text.hasPrefix(scratch.file("mask.png").path))
    #expect(text.contains("2×2") && text.contains("image.png") && text.contains("3×2"), "\(text)")
  }

  @Test("A mask is lesion above 127")
  func threshold() throws {
    let scratch = try Scratch()
    try scratch.grey("mask.png", width: 5, [0, 126, 127, 128, 255])
    let mask = try SampleReader(size: 4).mask(scratch.file("mask.png"))
    #expect(mask.shape == [1, 5] && mask.dtype == .bool)
    #expect(try mask.floats() == [0, 0, 0, 1, 1])
  }

  @Test("A label map is lesion where its value is among the lesions")
  func labelMap() throws {
    let scratch = try Scratch()
    try scratch.grey("mask.png", width: 6, [0, 1, 2, 3, 200, 255])
    let reader = SampleReader(size: 4)
    let url = scratch.file("mask.png")
    #expect(try reader.mask(url, as: .values([2, 200], as: .indices)).floats() == [0, 0, 1, 0, 1, 0])
    #expect(try reader.mask(url, as: .values([], as: .indices)).floats() == [0, 0, 0, 0, 0, 0])
  }

  @Test("An image is uint8 3×H×W; a pair is S×S, its mask empty where there is none")
  func shapes() throws {
    let scratch = try Scratch()
    try scratch.grey("image.png", width: 3, [0, 50, 100, 150, 200, 250])
    let reader = SampleReader(size: 4)
    let image = try reader.image(scratch.file("image.png"))
    #expect(image.shape == [3, 2, 3] && image.dtype == .uint8)
    #expect(
      try image.floats() == [0, 50, 100, 150, 200, 250, 0, 50, 100, 150, 200, 250, 0, 50, 100, 150, 200, 250])
    let pair = try reader.pair(scratch.sample("image.png", nil))
    #expect(pair.image.shape == [3, 4, 4] && pair.mask.shape == [4, 4] && pair.mask.dtype == .bool)
    #expect(try pair.mask.floats().allSatisfy { $0 == 0 })
  }

  @Test("A missing or damaged file is named")
  func badFiles() throws {
    let scratch = try Scratch()
    try scratch.text("bad.png", "not a picture")
    let reader = SampleReader(size: 4)
    for name in ["bad.png", "missing.png"] {
      #expect(message { _ = try reader.image(scratch.file(name)) }.contains(scratch.file(name).path))
      #expect(
        message { _ = try reader.mask(scratch.file(name)) }.contains(
          scratch.file(name).path))
    }
  }
}
