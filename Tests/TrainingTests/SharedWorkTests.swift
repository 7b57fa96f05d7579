import Datasets
import Foundation
import Storage
import TestSupport
import Testing
import Torch

@testable import Training

/// The work of several processes on one list, as threads of this one.
@Suite("Work of several processes", .serialized)
final class SharedWorkTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "shared-\(UUID().uuidString)")
  private static let columns = [SafetensorsRows.Column("a", .float32, [2])]

  deinit { try? FileManager.default.removeItem(at: folder) }

  private struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  private struct Numbers: Codable, Equatable, Sendable {
    var value: Double
    var none: Double?
  }

  @Test("Values that are computed in parts reach all with every bit", arguments: [1, 2, 3])
  func parts(_ count: Int) throws {
    let values = [0.1, -0.0, Double.leastNonzeroMagnitude, .infinity, 1 / 3].map { Numbers(value: $0) }
    for length in [0, 1, values.count] {
      let found = try RankThreads.run(count) { processes in
        try processes.inParts(count: length) { Array(values[$0]) }
      }
      for all in found {
        #expect(all.map(\.value.bitPattern) == values.prefix(length).map(\.value.bitPattern))
      }
    }
  }

  @Test("The error of the lowest part that fails reaches all, and none of them waits")
  func failure() throws {
    let found = try RankThreads.outcomes(3) { processes -> [Int] in
      try processes.inParts(count: 6) { part in
        if processes.rank > 0 { throw Fault(description: "image \(part.lowerBound)") }
        return Array(part)
      }
    }
    #expect(throws: PartError(rank: 1, message: "image 2")) { try found[0].get() }
    #expect(throws: Fault.self) { try found[1].get() }
    #expect(throws: PartError(rank: 1, message: "image 2")) { try found[2].get() }
  }

  @Test("Rows of processes are joined in their order, also in small pieces")
  func rows() throws {
    let found = try RankThreads.run(3) { processes in
      // 3, 0 and 1 rows.
      let count = [3, 0, 1][processes.rank]
      let own = try Tensor.full([count, 2], Double(processes.rank))
      return try processes.joined(rows: own, bytes: 16).floats()
    }
    for all in found { #expect(all == [0, 0, 0, 0, 0, 0, 2, 2]) }
  }

  private static func keys(_ numbers: [Int]) -> [ContentHash] {
    numbers.map {
      var hash = ContentHash()
      hash.combine("\($0)")
      return hash
    }
  }

  /// The first value of each row, by process, and how many rows were made in all.
  private func rows(
    _ numbers: [Int], of count: Int, in place: @escaping @Sendable (Int) -> URL, limit: Int = 1 << 30,
    failing: Int? = nil
  ) throws -> (values: [Result<[Float]?, any Error>], made: Int) {
    let made = Tally()
    let found = try RankThreads.outcomes(count) { processes -> [Float]? in
      let keys = Self.keys(numbers)
      let cache = FeatureCache(place(processes.rank), limit: limit)
      return try cache.rows(
        keys, group: "group", columns: Self.columns, what: "rows", workers: 2, processes
      ) { index in
        if numbers[index] == failing { throw Fault(description: "row \(numbers[index])") }
        made.add()
        return [try .full([1, 2], Double(numbers[index]))]
      }?.tensors(keys)?[0].selected(dim: 1, index: 0).floats()
    }
    return (found, made.value)
  }

  @Test("Processes that share a folder make each row once, and all read all of them")
  func shared() throws {
    let folder = folder
    let numbers = [1, 2, 2, 3, 4, 5]
    let first = try rows(numbers, of: 3, in: { _ in folder })
    #expect(first.made == 5)
    for values in first.values { #expect(try values.get() == numbers.map(Float.init)) }
    let more = try rows([5, 6, 1], of: 2, in: { _ in folder })
    #expect(more.made == 1)
    for values in more.values { #expect(try values.get() == [5, 6, 1]) }
    #expect(try rows([6, 2], of: 1, in: { _ in folder }).made == 0)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(left == ["group"])
  }

  @Test("Machines with folders of their own make each row once in each")
  func apart() throws {
    let folder = folder
    let found = try rows([1, 2, 3, 4], of: 3, in: { folder.appendingPathComponent("\($0 / 2)") })
    #expect(found.made == 8)
    for values in found.values { #expect(try values.get() == [1, 2, 3, 4]) }
  }

  @Test("A folder that is too small for one process is left by all")
  func full() throws {
    let folder = folder
    let found = try rows([1, 2, 3], of: 2, in: { _ in folder }, limit: 10)
    #expect(found.made == 0)
    for values in found.values { #expect(try values.get() == nil) }
    #expect(!FileManager.default.fileExists(atPath: folder.path))
  }

  @Test("A process that fails ends all, and the rows of the others are kept")
  func failingRow() throws {
    let folder = folder
    let found = try rows([1, 2, 3, 4], of: 2, in: { _ in folder }, failing: 4)
    #expect(throws: PartError(rank: 1, message: "row 4")) { try found.values[0].get() }
    #expect(throws: Fault.self) { try found.values[1].get() }
    let again = try rows([1, 2, 3, 4], of: 2, in: { _ in folder })
    // Rows 1 and 2 are those of the first process.
    #expect(again.made == 2)
    for values in again.values { #expect(try values.get() == [1, 2, 3, 4]) }
  }
}

extension TrainingRuns {
  @Test("An evaluation of two or three processes is that of one, byte for byte", arguments: [2, 3])
  func sharedEvaluation(_ count: Int) throws {
    let tiny = try TinyRun(epochs: 1)
    try tiny.trainer().trainer.train()
    let site = try TinyRun.sites.get()[2]
    // The run's folder stays as long as the value.
    defer { withExtendedLifetime(tiny) {} }
    let (run, predictor) = (try tiny.open(), try tiny.open().predictor())
    let rules = Run.EvaluationRules()
    func text(_ evaluation: Evaluation) throws -> [String] {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      let table = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
      defer { try? FileManager.default.removeItem(at: table) }
      try evaluation.table().write(to: table)
      return [
        String(decoding: try encoder.encode(evaluation), as: UTF8.self),
        try String(contentsOf: table, encoding: .utf8),
      ]
    }
    let alone = try text(run.evaluate(on: site, with: predictor, rules: rules))
    let role = try run.role(of: site)
    let found = try RankThreads.run(count) { processes in
      try run.evaluate(on: site, as: role, with: predictor, rules: rules, processes) { _, _ in }
    }
    for evaluation in found { #expect(try text(evaluation) == alone) }
  }

  @Test("Images that processes decode in parts are those of one", arguments: [2, 3])
  func sharedBank(_ count: Int) throws {
    let reader = SampleReader(size: 32)
    for length in [1, 7] {
      let samples = Array(try TinyRun.sites.get()[0].samples.prefix(length))
      let alone = try SampleBank(samples, reader: reader).batch(Array(0..<length))
      let found = try RankThreads.run(count) { processes in
        try SampleBank(samples, reader: reader, sharedBy: processes)
      }
      for bank in found {
        let (images, masks) = try bank.batch(Array(0..<length))
        #expect(try images.isEqual(to: alone.images) && masks.isEqual(to: alone.masks))
      }
    }
  }

  @Test("The counts of a validation in several processes are those of one", arguments: [2, 3])
  func sharedCounts(_ count: Int) throws {
    let bank = try TinyRun(epochs: 1).inputs().training
    @Sendable func counts(_ processes: Processes) throws -> [[Int]] {
      let tables = try bank.classOverlaps(batchSize: 5, among: processes) { images, _ in
        try images.mean([1], keepDimensions: true)
      }
      return tables.map { $0.map(\.truePositives) }
    }
    let alone = try counts(.alone)
    #expect(alone.map(\.count) == [12])
    for found in try RankThreads.run(count, counts) { #expect(found == alone) }
  }
}
