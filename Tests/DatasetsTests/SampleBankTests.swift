import Foundation
import Testing

@testable import Datasets

@Suite("Sample bank")
struct SampleBankTests {
  @Test("Batches do not depend on how much is kept in memory", arguments: [0, 5 * 4 * 16 * 16])
  func memoryLimit(limit: Int) throws {
    let scratch = try Scratch()
    try DemoData.write(to: scratch.url, seed: 1)
    let samples = try Array(SiteCatalog(scratch.url).site("a").samples.prefix(12))
    let reader = SampleReader(size: 16)
    let all = try SampleBank(samples, reader: reader).batch([11, 0, 4, 4])
    let few = try SampleBank(samples, reader: reader, memoryLimit: limit).batch([11, 0, 4, 4])
    #expect(all.images.shape == [4, 3, 16, 16] && all.masks.shape == [4, 1, 16, 16])
    #expect(try all.images.isEqual(to: few.images) && all.masks.isEqual(to: few.masks))
    #expect(try all.images.floats().allSatisfy { $0 >= 0 && $0 <= 1 })
    #expect(try all.masks.floats().allSatisfy { $0 == 0 || $0 == 1 })
  }

  @Test("A damaged image stops the bank with an error that names it, whether kept or read late")
  func damaged() throws {
    let scratch = try Scratch()
    try scratch.grey("good.png", width: 4, Array(repeating: 9, count: 16))
    try scratch.text("bad.png", "not a picture")
    let samples = [scratch.sample("good.png", "good.png"), scratch.sample("bad.png", "good.png")]
    let reader = SampleReader(size: 8)
    let early = message { _ = try SampleBank(samples, reader: reader) }
    #expect(early.contains(scratch.file("bad.png").path))
    let bank = try SampleBank(samples, reader: reader, memoryLimit: 0)
    #expect(message { _ = try bank.batch([0, 1]) }.contains(scratch.file("bad.png").path))
  }

  @Test("The same seed writes the same demo data, byte for byte")
  func demoData() throws {
    let (first, second) = (try Scratch(), try Scratch())
    try DemoData.write(to: first.url, seed: 4)
    try DemoData.write(to: second.url, seed: 4)
    for path in ["a/images/000.png", "b/masks/007.png", "c/images/039.png"] {
      #expect(try Data(contentsOf: first.file(path)) == Data(contentsOf: second.file(path)))
    }
  }
}
