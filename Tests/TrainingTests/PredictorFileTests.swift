import Foundation
import Imaging
import Storage
import TestSupport
import Testing
import TestSupport
import Torch

@testable import Training

/// Files through the network together, each handed on at its own size.
@Suite struct PredictorFileTests {
  private let tiny: TinyRun
  private let predictor: Predictor
  private let folder: URL

  init() throws {
    tiny = try TinyRun()
    let system = try tiny.trainer().system.compiled()
    predictor = Predictor(system, tiny.configuration, precision: .float32)
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
    let found = try Machine.withThreads(1) {
      try predictor(files, keepingPictures: keepingPictures) { file, found in
        (file, try found.get())
      } store: {
        $0
      }
    }
    #expect(found.map(\.0) == files)
    for (file, found) in found {
      let image = try tiny.configuration.reader.image(file)
      #expect(try found.probability.isEqual(to: predictor.probability(of: file)))
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
      try predictor(files) { file, found -> String? in
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
    #expect(try predictor([bad], make: { try? $1.get().probability.count }, store: { $0 }) == [nil])
    #expect(try predictor([], make: { url, _ in url }, store: { $0 }).isEmpty)
  }

  @Test func framesAreSegmentedAsFilesOfTheSamePixels() throws {
    let files = try pictures(3)
    let frames = files.enumerated().map { index, file in
      PredictionInput(frameOf: folder, name: "f-\(index)", frame: index + 1) {
        try ImageFile.read(file, limits: $0)
      }
    }
    let bad = PredictionInput(frameOf: folder, name: "bad") { _ in
      throw ImagingError.missing(file: "no frame")
    }
    let found = try Machine.withThreads(1) {
      try predictor(inputs: [frames[0], bad, frames[1], PredictionInput(files[2])]) { input, found in
        (input.name, try? found.get().probability)
      } store: {
        $0
      }
    }
    #expect(found.map(\.0) == ["f-0", "bad", "f-1", "2"])
    #expect(found[1].1 == nil)
    for (index, file) in [0: files[0], 2: files[1], 3: files[2]] {
      #expect(try #require(found[index].1).isEqual(to: predictor.probability(of: file)))
    }
    let reduced = Predictor(
      predictor.system, tiny.configuration, precision: .float32, decoding: .reduced)
    #expect(try reduced.read(frames[0], keepingPicture: true).picture != nil)
  }

  @Test(arguments: [false, true]) func whatIsThrownEndsTheWhole(_ storing: Bool) throws {
    struct Full: Error {}
    let files = try pictures(40)
    let begun = Tally()
    #expect(throws: Full.self) {
      try Machine.withThreads(1) {
        try predictor(files) { _, _ in
          begun.add()
          if !storing { throw Full() }
        } store: {
          throw Full()
        }
      }
    }
    #expect(begun.value < files.count)
  }

  @Test(arguments: [1, 2]) func asManyComputeAtOnceAsThereAreThreadsAndTheOthersStore(threads: Int) throws {
    let files = try pictures(20)
    let (computing, storing) = (Occupancy(), Occupancy())
    try Machine.withThreads(threads) {
      _ = try predictor(files) { _, found in
        try computing.during { _ = try found.get() }
      } store: { _ in
        storing.during { Thread.sleep(forTimeInterval: 0.05) }
      }
    }
    #expect(computing.most <= threads && storing.most > threads)
  }

  @Test func samplesAreAssessedInTheirOrderAndTheProgressIsTold() throws {
    let samples = Array(try TinyRun.sites.get()[2].testSamples)
    let told = Collector<Int>()
    let found = try predictor.assess(samples, tolerance: 1) { told.add($0) }
    #expect(found.count == 8 && told.all.sorted() == Array(1...8))
    for (sample, assessment) in zip(samples, found) {
      #expect(try predictor.assess(sample, tolerance: 1) == assessment)
    }
  }
}

/// The most threads that were in a place at once.
private final class Occupancy: @unchecked Sendable {
  private let lock = NSLock()
  private var now = 0
  private var highest = 0
  var most: Int { lock.withLock { highest } }

  func during(_ body: () throws -> Void) rethrows {
    lock.withLock {
      now += 1
      highest = max(highest, now)
    }
    defer { lock.withLock { now -= 1 } }
    try body()
  }
}
