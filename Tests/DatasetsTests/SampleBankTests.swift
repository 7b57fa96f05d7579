import Foundation
import Testing
import TestSupport

@testable import Datasets

@Suite("Sample bank")
struct SampleBankTests {
  @Test("Batches do not depend on how much is kept in memory", arguments: [0, 5 * 4 * 16 * 16])
  func memoryLimit(limit: Int) throws {
    let scratch = try Scratch()
    for index in 0..<12 {
      // Sizes and contents differ, so that a mixed-up picture shows.
      let pixels = (0..<20 * (10 + index)).map { UInt8(($0 * (index + 3)) % 256) }
      try scratch.grey("a/images/\(10 + index).png", width: 20, pixels)
      try scratch.grey("a/masks/\(10 + index).png", width: 20, pixels.map { $0 > 99 ? 255 : 0 })
    }
    let samples = try SiteCatalog(at: scratch.url).site("a").samples
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

  @Test("A bank that shares gives the other's pictures, also of files that are gone since")
  func sharing() throws {
    let scratch = try Scratch()
    for (index, name) in ["x", "y", "z"].enumerated() {
      try scratch.grey("\(name).png", width: 4, Array(repeating: UInt8(index * 60), count: 16))
    }
    func sample(_ name: String) -> Sample { scratch.sample("\(name).png", "\(name).png") }
    let reader = SampleReader(size: 8)
    let first = try SampleBank([sample("x"), sample("y")], reader: reader)
    let second = try SampleBank([sample("z")], reader: reader)
    let expected = try first.batch([1]).images
    for name in ["y", "z"] { try FileManager.default.removeItem(at: scratch.file("\(name).png")) }
    let shared = SampleBank([sample("z"), sample("y"), sample("x")], sharing: first, second)
    #expect(try shared.batch([1]).images.isEqual(to: expected))
    #expect(try shared.batch([0]).images.isEqual(to: second.batch([0]).images))
    // What no bank has kept is read when it is asked for.
    let alone = SampleBank([sample("x")], sharing: second)
    #expect(try alone.batch([0]).images.isEqual(to: first.batch([0]).images))
  }

  @Test("Banks share one memory, keep what fits, and give it back")
  func shares() {
    let memory = ImageMemory(limit: 1000)
    withExtendedLifetime([memory.share(3, bytes: 200), memory.share(5, bytes: 300)]) { shares in
      #expect(shares.map(\.count) == [3, 1] && memory.taken == 900)
      #expect(memory.share(1, bytes: 101).count == 0)
    }
    #expect(memory.taken == 0)
    memory.limit = 100
    #expect(memory.share(9, bytes: 50).count == 2)
    memory.limit = -1
    #expect(memory.limit == 0 && memory.share(9, bytes: 50).count == 0)
  }

  @Test("A bank counts the images that it decodes at each access, also those of the banks that it shares")
  func undecoded() throws {
    let scratch = try Scratch()
    for name in ["x", "y", "z"] {
      try scratch.grey("\(name).png", width: 4, Array(repeating: 60, count: 16))
    }
    let samples = ["x", "y", "z"].map { scratch.sample("\($0).png", "\($0).png") }
    let reader = SampleReader(size: 8)
    let bank = try SampleBank(samples, reader: reader, memoryLimit: 2 * 4 * 8 * 8)
    #expect(bank.undecodedCount == 1)
    #expect(SampleBank(samples, sharing: bank).undecodedCount == 1)
    #expect(try SampleBank(samples, reader: reader, memoryLimit: 1 << 20).undecodedCount == 0)
  }
}
