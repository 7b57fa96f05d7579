import Foundation
import Imaging
import Storage
import TestSupport
import Testing
import Torch
import Training

@testable import Reviewing

@Suite("Items that a later call keeps")
struct KeepingTests {
  /// A folder with an image of 4×128 pixels, and a review of it.
  private final class Fixture {
    let scratch: TemporaryFolder
    let input: ReviewInput
    var review: URL { scratch.file("review") }

    init() throws {
      scratch = try TemporaryFolder("keeping")
      input = ReviewInput(PredictionInput(scratch.file("x.png")), file: "x.png")
      try draw(0)
    }

    func draw(_ level: UInt8) throws {
      try ImageFile.writePNG(
        Image(width: 4, height: 128, channels: 3, pixels: [UInt8](repeating: level, count: 1536)),
        to: input.source.file)
    }

    func maker() throws -> ReviewMaker { try ReviewMaker(review, classes: [], names: ["x"]) }

    func write(_ model: String = "m") throws -> ReviewQueue.Row {
      let probability = try Tensor.full([1, 128, 4], 0.75)
      let look = ReviewMaker.Look(
        masks: try probability.atLeast(0.5), probability: probability,
        picture: try ImageFile.read(input.source.file).rgb.tensor)
      let hash = try InputHashes().hash(of: input.source)
      return try maker().write(input, look, of: ReviewOrigin(model: model, input: hash))
    }

    func kept(_ model: String = "m") throws -> (row: ReviewQueue.Row, isExplained: Bool)? {
      try maker().kept(input, by: model, InputHashes())
    }
  }

  @Test("An item of the same model and input is kept with the row that was made")
  func kept() throws {
    let fixture = try Fixture()
    #expect(try fixture.kept() == nil)
    let row = try fixture.write()
    #expect(row.unsure == 0.75 && row.thumbnail == "thumbnails/x.jpg")
    let kept = try #require(try fixture.kept())
    #expect(kept.row == row && !kept.isExplained)
    #expect(try fixture.kept("other") == nil)
  }

  @Test(
    "An item is made anew if its input, its picture, its thumbnail or its file is another",
    arguments: ["x.png", "review/images/x.png", "review/thumbnails/x.jpg", "review/items/x.js"])
  func changed(path: String) throws {
    let fixture = try Fixture()
    _ = try fixture.write()
    if path == "x.png" {
      try fixture.draw(9)
    } else if path.contains("thumbnails") {
      try FileManager.default.removeItem(at: fixture.scratch.file(path))
    } else {
      try Data("damaged".utf8).write(to: fixture.scratch.file(path))
    }
    #expect(try fixture.kept() == nil)
    _ = try fixture.write()
    #expect(try fixture.kept() != nil)
  }

  @Test("The hash of an input follows its bytes and its frame, and not its path")
  func hashes() throws {
    let fixture = try Fixture()
    let (file, copy) = (fixture.input.source.file, fixture.scratch.file("y.png"))
    try FileManager.default.copyItem(at: file, to: copy)
    let hashes = InputHashes()
    #expect(try hashes.hash(of: PredictionInput(file)) == hashes.hash(of: PredictionInput(copy)))
    func frame(_ number: Int) -> PredictionInput {
      PredictionInput(frameOf: file, name: "x", frame: number) { _ in throw CancellationError() }
    }
    #expect(try hashes.hash(of: frame(1)) != hashes.hash(of: frame(2)))
    #expect(throws: FileError.self) { try hashes.hash(of: PredictionInput(fixture.scratch.file("z.png"))) }
    #expect(!ReviewFolder(fixture.review).knows("x", as: fixture.input.source, hashes))
    _ = try fixture.write()
    #expect(ReviewFolder(fixture.review).knows("x", as: PredictionInput(copy), hashes))
  }

  @Test("A folder of pictures is no review, and what is no file of a review stays in one")
  func foreign() throws {
    let fixture = try Fixture()
    let folder = ReviewFolder(fixture.review)
    let picture = fixture.review.appendingPathComponent("images/mine.png")
    try FileManager.default.createFolder(picture.deletingLastPathComponent())
    try Data("x".utf8).write(to: picture)
    let error = #expect(throws: ReviewError.self) { try folder.identity(of: "run") }
    #expect(error.map { "\($0)" }?.contains("holds images") == true)
    try FileManager.default.removeItem(at: picture.deletingLastPathComponent())
    try folder.begin()
    _ = try fixture.write()
    #expect(try folder.identity(of: "run") == nil)
    let others = ["images/x.y.png", "images/notes.txt", "videos/film.mp4", "items/.hidden.js"]
    for path in others { try Data("x".utf8).write(to: fixture.review.appendingPathComponent(path)) }
    let whole = ReviewMaker.Whole(rows: [], sites: [], videos: [], run: nil, classes: [], title: "")
    _ = try folder.finish(whole, layers: ["lesion"], threshold: nil, identity: nil)
    let left = try ReviewFixture.files(fixture.review).keys
    #expect(Set(left) == Set(others + ["index.html", "queue.js", "review.js"]))
  }
}

@Suite("Frames that a later call keeps")
struct ReviewFramesTests {
  private func frames(_ folder: TemporaryFolder, model: String = "m") throws -> ReviewFrames {
    try ReviewFrames(
      in: ReviewFolder(folder.file("review")), id: "v", of: ReviewOrigin(model: model, input: "i"))
  }

  private func record(_ index: Int) -> FrameRecord {
    FrameRecord(index: index, time: Double(index) / 25)
  }

  @Test("After an interruption, a kill and another interruption no line is lost")
  func interrupted() throws {
    let folder = try TemporaryFolder("frames")
    // A call that ends early.
    do {
      let (log, known) = try frames(folder).begin()
      #expect(known.isEmpty)
      for index in 0..<3 { try log.add(record(index)) }
      try log.finish()
      #expect(try frames(folder).end(isWhole: false).count == 3)
    }
    // A killed one, which leaves a part of a line.
    do {
      let (log, known) = try frames(folder).begin()
      #expect(known.map(\.index) == [0, 1, 2])
      for index in 0..<5 { try log.add(record(index)) }
      let part = try FileHandle(forWritingTo: log.part)
      try part.seekToEnd()
      try part.write(contentsOf: Data(#"{"index":5,"ti"#.utf8))
    }
    // One that is stopped before it comes as far.
    do {
      let (log, known) = try frames(folder).begin()
      #expect(known.map(\.index) == [0, 1, 2, 3, 4])
      try log.add(record(0))
      try log.finish()
      _ = try frames(folder).end(isWhole: false)
    }
    #expect(try frames(folder).all == nil)
    let (log, known) = try frames(folder).begin()
    #expect(known == (0..<5).map(record))
    for index in 0..<6 { try log.add(record(index)) }
    try log.finish()
    #expect(try frames(folder).end(isWhole: true).count == 6)
    #expect(try frames(folder).all == (0..<6).map(record))
    #expect(try FileSystem.entries(of: folder.file("review/videos")).map(\.name) == ["v.frames.jsonl"])
    // Lines of another model are of no use.
    #expect(try frames(folder, model: "n").all == nil)
    #expect(try frames(folder, model: "n").begin().known.isEmpty)
  }
}
