import Foundation
import Imaging
import Storage
import Testing
import Torch

@testable import Training

/// Files through the network together, each handed on at its own size.
@Suite struct FileSegmentationTests {
  private let tiny: TinyRun
  private let segmentation: FileSegmentation
  private let segmenter: Segmenter
  private let folder: URL

  init() throws {
    tiny = try TinyRun()
    let system = try tiny.trainer().system.compiled(for: .float32)
    segmentation = FileSegmentation(system, reader: tiny.configuration.reader)
    segmenter = Segmenter(system, reader: tiny.configuration.reader)
    folder = tiny.run.url.appendingPathComponent("pictures")
    try FileManager.default.createFolder(folder)
  }

  /// Pictures of different sizes.
  private func pictures(_ count: Int) throws -> [URL] {
    try (0..<count).map { number in
      let url = folder.appendingPathComponent("\(number).png")
      let levels = try Tensor.randomNormal(
        [3, 20 + number, 45 - number], generator: Generator(seed: UInt64(number)))
      let image = try Image((levels * 40 + 128).clamped(min: 0, max: 255).to(.uint8))
      try ImageFile.writePNG(image, to: url)
      return url
    }
  }

  @Test(arguments: [1, 3, 21], [false, true])
  func filesComeBackInOrderAsEachAlone(_ count: Int, _ keepingPictures: Bool) throws {
    let files = try pictures(count)
    // One thread, so that there are batches on every machine.
    let found = try Machine.withThreads(1) {
      try segmentation(files, keepingPictures: keepingPictures) { file, found in
        (file, try found.get())
      } store: {
        $0
      }
    }
    #expect(found.map(\.0) == files)
    for (file, found) in found {
      let image = try tiny.configuration.reader.image(file)
      let wanted = try segmenter.probability(image)
      #expect(found.probability.shape == wanted.shape)
      #expect(try (found.probability - wanted).doubles().allSatisfy { abs($0) < 1e-5 })
      #expect((found.picture != nil) == keepingPictures)
      if let picture = found.picture { #expect(try picture.array(of: UInt8.self) == image.array()) }
    }
  }

  @Test func aBadFileIsReportedAndTheOthersAreSegmented() throws {
    var files = try pictures(9)
    let bad = folder.appendingPathComponent("bad.png")
    try Data("no picture".utf8).write(to: bad)
    files.insert(bad, at: 4)
    let outcomes = try Machine.withThreads(1) {
      try segmentation(files) { file, found -> String? in
        do {
          let probability = try found.get().probability
          return "\(probability.shape)"
        } catch {
          #expect("\(error)".contains("bad.png"))
          return nil
        }
      } store: {
        $0
      }
    }
    let wanted = (0..<9).map { "\([20 + $0, 45 - $0])" }
    #expect(outcomes == Array(wanted[..<4]) + [nil] + Array(wanted[4...]))
    #expect(try segmentation([bad], make: { try? $1.get().probability.count }, store: { $0 }) == [nil])
    #expect(try segmentation([], make: { url, _ in url }, store: { $0 }).isEmpty)
  }

  @Test(arguments: [false, true]) func whatIsThrownEndsTheWhole(_ storing: Bool) throws {
    struct Full: Error {}
    let files = try pictures(40)
    let begun = Tally()
    #expect(throws: Full.self) {
      try Machine.withThreads(1) {
        try segmentation(files) { _, _ in
          begun.add()
          if !storing { throw Full() }
        } store: {
          throw Full()
        }
      }
    }
    #expect(begun.value < files.count)
  }

  @Test func batchesLeaveAShareForEveryThread() throws {
    let sizes = try [1, 2, 3, 16, 200].map { count in
      try [1, 2, 16, 64].map { threads in try Machine.withThreads(threads) { segmentation.batch(count) } }
    }
    #expect(sizes == [[1, 1, 1, 1], [1, 1, 1, 1], [2, 1, 1, 1], [8, 4, 1, 1], [8, 8, 2, 1]])
  }
}
