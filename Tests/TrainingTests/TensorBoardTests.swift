import Foundation
import Testing
import TestSupport

@testable import Training

@Suite("TensorBoard files")
struct TensorBoardTests {
  /// What TensorBoard's own writer wrote of a history, and its own reader read; Fixtures/make_tensorboard.py made it.
  private struct Fixture: Decodable {
    let started: Int
    let settings: String
    let history: [EpochMetrics]
    let bytes: Data
    let scalars: [String: [[Double]]]

    init() throws {
      let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/tensorboard.json")
      self = try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
    }

    private enum CodingKeys: CodingKey { case started, settings, history, bytes, scalars }
  }

  /// A folder whose log began at the fixture's time, so that bytes can be compared.
  private func withLog(_ fixture: Fixture, _ body: (TensorBoardLog, URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("board-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let file = folder.appendingPathComponent("events.out.tfevents.\(fixture.started).elsewhere")
    try Data().write(to: file)
    try body(TensorBoardLog(folder), file)
  }

  @Test(
    "Checksums are those of RFC 3720, appendix B.4",
    arguments: [
      (Data(repeating: 0, count: 32), 0x8a91_36aa), (Data(repeating: 0xff, count: 32), 0x62a8_ab43),
      (Data(0..<32), 0x46dd_794e), (Data((0..<32).reversed()), 0x113f_db5c),
      (Data("123456789".utf8), 0xe306_9283),
    ] as [(Data, UInt32)])
  func checksums(data: Data, expected: UInt32) {
    #expect(TensorBoardRecord.checksum(data) == expected)
  }

  @Test("The bytes are those that TensorBoard's own writer writes")
  func bytes() throws {
    let fixture = try Fixture()
    try withLog(fixture) { log, file in
      try log.write(fixture.history, settings: fixture.settings)
      #expect(try Data(contentsOf: file) == fixture.bytes)
    }
    // What TensorBoard read back from them is the history, in single precision.
    let dice = fixture.history.compactMap { epoch in
      epoch.validationDice.map { [Double(epoch.epoch), Double(Float($0))] }
    }
    #expect(fixture.scalars["validation/dice"]?.map { [$0[0], $0[2]] } == dice && dice.count == 2)
    #expect(fixture.scalars["loss/total"]?.count == 3 && fixture.scalars["loss/contrast"]?.count == 1)
  }

  @Test("Epochs are appended in place, what was cut off is completed, another history replaces the file")
  func growth() throws {
    let fixture = try Fixture()
    try withLog(fixture) { log, file in
      func number() throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: file.path)[.systemFileNumber] as? Int
      }
      let first = try number()
      for count in 0...3 { try log.write(Array(fixture.history.prefix(count)), settings: fixture.settings) }
      #expect(try Data(contentsOf: file) == fixture.bytes)
      try log.write(fixture.history, settings: fixture.settings)
      #expect(try Data(contentsOf: file) == fixture.bytes)
      for length in stride(from: 0, to: fixture.bytes.count, by: 37) {
        let handle = try FileHandle(forWritingTo: file)
        try handle.truncate(atOffset: UInt64(length))
        try log.write(fixture.history, settings: fixture.settings)
        #expect(try Data(contentsOf: file) == fixture.bytes)
      }
      // The same file all along: a reader that has it open sees what is added.
      #expect(try number() == first)
      var other = fixture.history
      other[0].loss = 7
      try log.write(other, settings: fixture.settings)
      let replaced = try Data(contentsOf: file)
      #expect(replaced != fixture.bytes && replaced.count == fixture.bytes.count)
      #expect(try FileManager.default.contentsOfDirectory(atPath: log.folder.path).count == 1)
    }
  }

  @Test("A folder that cannot be made is named")
  func unwritable() throws {
    try withLog(Fixture()) { _, file in
      let text = message { try TensorBoardLog(file.appendingPathComponent("below")).write([]) }
      #expect(text.contains(file.path), "\(text)")
    }
  }
}

extension TrainingRuns {
  @Suite("TensorBoard of a run")
  struct TensorBoardRunTests {
    /// The steps of a file's records, in order, and the contents of the records.
    private func records(_ data: Data) throws -> [Data] {
      var rest = data
      var found: [Data] = []
      while !rest.isEmpty {
        let head = Data(rest.prefix(8))
        let length = Int(head.enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << (8 * $1.offset) })
        try #require(rest.count >= length + 16)
        let content = Data(rest.dropFirst(12).prefix(length))
        let frame = TensorBoardRecord.framed(content)
        #expect(frame == Data(rest.prefix(frame.count)))
        found.append(content)
        rest = Data(rest.dropFirst(frame.count))
      }
      return found
    }

    @Test("A run that is stopped and resumed has one file, with each epoch once and the settings first")
    func resumed() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 3)
      #expect(throws: TrainingError.interrupted(epoch: 2, step: 1)) { try tiny.train(stopAfter: 4) }
      let folder = tiny.run.url.appendingPathComponent("tensorboard")
      let before = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      let history = try tiny.trainer(resuming: true).trainer.train()
      let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(files == before && files.count == 1)
      let name = try #require(files.first)
      #expect(name.hasPrefix("events.out.tfevents."))
      let records = try records(Data(contentsOf: folder.appendingPathComponent(name)))
      #expect(records.count == 2 + 3)
      #expect(String(decoding: records[1], as: UTF8.self).contains("\"imageSize\" : 32"))
      for (epoch, record) in zip(history, records.dropFirst(2)) {
        // After the time, 9 bytes, comes the step: key 0x10 and the number.
        #expect(Array(record.dropFirst(9).prefix(2)) == [0x10, UInt8(epoch.epoch)])
        let dice = try #require(epoch.validationDice)
        var value = ProtobufMessage()
        value.append(1, "validation/dice")
        value.append(2, Float(dice))
        #expect(record.range(of: value.bytes) != nil)
      }
    }
  }
}
