import Foundation
import Storage
import TestSupport
import Testing
import Torch

@testable import Training

/// What the cache promises of its files, with rows that are quickly made.
@Suite("Feature cache")
final class FeatureCacheTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "cache-\(UUID().uuidString)")
  private let columns = [SafetensorsRows.Column("a", .float32, [2, 3]), .init("b", .uint8, [5])]

  deinit { try? FileManager.default.removeItem(at: folder) }

  private typealias Notes = Collector<String>

  private func keys(_ numbers: [Int]) -> [ContentHash] {
    numbers.map {
      var hash = ContentHash()
      hash.combine("\($0)")
      return hash
    }
  }

  /// The first value of each row, and how many rows were made.
  private func rows(
    _ numbers: [Int], limit: Int = 1 << 30, notes: Notes = Notes(), _ columns: [SafetensorsRows.Column]? = nil
  ) throws -> (values: [Float]?, made: Int) {
    let made = Tally()
    let cache = FeatureCache(folder, limit: limit) { notes.add($0) }
    let keys = keys(numbers)
    let found = try cache.rows(
      keys, group: "group", columns: columns ?? self.columns, what: "rows", workers: 2
    ) { index in
      made.add()
      return [try .full([1, 2, 3], Double(numbers[index])), try .full([1, 5], 7, dtype: .uint8)]
    }
    let tensors = try found?.tensors(keys)
    if let tensors { #expect(tensors.map(\.shape) == [[numbers.count, 2, 3], [numbers.count, 5]]) }
    return (try tensors?[0].selected(dim: 2, index: 0).selected(dim: 1, index: 0).floats(), made.value)
  }

  private var files: [URL] {
    get throws {
      let group = folder.appendingPathComponent("group")
      return try FileManager.default.contentsOfDirectory(atPath: group.path).sorted()
        .map { group.appendingPathComponent($0) }
    }
  }

  @Test("What is kept is not made again, by another process neither, and what is missing is added")
  func kept() throws {
    #expect(try rows([1, 2, 2, 3]) == ([1, 2, 2, 3], 3))
    #expect(try rows([3, 1]) == ([3, 1], 0))
    #expect(try rows([4, 1, 5]) == ([4, 1, 5], 2))
    #expect(try rows([5, 4, 3, 2, 1]) == ([5, 4, 3, 2, 1], 0))
    #expect(try files.count == 2)
  }

  @Test("The size is said before it is written, and what does not fit is not kept")
  func limit() throws {
    let notes = Notes()
    let one = FeaturePart.rowBytes(columns)
    #expect(try rows([1, 2], limit: 2 * one - 1, notes: notes) == (nil, 0))
    #expect(
      notes.text.contains("than the limit of") && notes.text.contains("2 × \(one) bytes"), "\(notes.text)")
    #expect(!FileManager.default.fileExists(atPath: folder.path))
    #expect(try rows([1, 2], limit: 1000, notes: notes).made == 2)
    #expect(notes.text.contains("caching rows: 2 × \(one) bytes") && notes.text.contains(folder.path))
    // What is there counts, and can be used where nothing more fits.
    #expect(try rows([1, 2, 3], limit: 400, notes: notes).values == nil)
    #expect(notes.text.contains("are taken"))
    #expect(try rows([2, 1], limit: 0) == ([2, 1], 0))
  }

  @Test(
    "A file that is cut short, was changed or holds something else is made anew, with a note that names it",
    arguments: ["short", "changed", "other", "empty"])
  func damaged(kind: String) throws {
    _ = try rows([1, 2])
    let file = try #require(files.first)
    var data = try Data(contentsOf: file)
    switch kind {
    case "short": data.removeLast(3)
    case "changed": data[data.count - 4] ^= 1
    case "other": data = Data("something else".utf8)
    default: data = Data()
    }
    try data.write(to: file)
    let notes = Notes()
    #expect(try rows([2, 1], notes: notes) == ([2, 1], 2))
    #expect(notes.text.contains(file.lastPathComponent) && notes.text.contains("made anew"), "\(notes.text)")
    #expect(try rows([1, 2]) == ([1, 2], 0))
  }

  @Test("Tensors of another shape are not taken for those that are wanted")
  func otherColumns() throws {
    _ = try rows([1])
    let wider = [SafetensorsRows.Column("a", .float32, [2, 3]), .init("c", .uint8, [5])]
    #expect(try rows([1], wider) == ([1], 1))
  }

  @Test("A writer that fails leaves no file, and what a killed one left is never read and is removed")
  func killed() throws {
    struct Stop: Error {}
    let cache = FeatureCache(folder)
    #expect(throws: Stop.self) {
      try cache.rows(keys([1, 2]), group: "group", columns: columns, what: "rows", workers: 1) { index in
        guard index == 0 else { throw Stop() }
        return [try .zeros([1, 2, 3]), try .zeros([1, 5], dtype: .uint8)]
      }
    }
    #expect(try files.isEmpty)
    let half = folder.appendingPathComponent("group/.x.safetensors.1.part")
    try Data("half".utf8).write(to: half)
    #expect(try rows([1]) == ([1], 1))
    // It may be another process's that has just begun.
    #expect(FileManager.default.fileExists(atPath: half.path))
    try FileManager.default.setAttributes([.modificationDate: Date() - 120], ofItemAtPath: half.path)
    #expect(try rows([1, 2]) == ([1, 2], 1))
    #expect(!FileManager.default.fileExists(atPath: half.path))
  }

  @Test("Any single byte, and the order of contents, change a hash")
  func hashes() throws {
    func hash(_ bytes: [UInt8]) -> ContentHash {
      var hash = ContentHash()
      bytes.withUnsafeBytes { hash.combine($0) }
      return hash
    }
    var seen = Set([hash([]), hash([0])])
    for place in 0..<20 {
      for value in [1, 128] as [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 20)
        bytes[place] = value
        #expect(seen.insert(hash(bytes)).inserted)
        #expect(ContentHash(words: hash(bytes).words) == hash(bytes))
      }
    }
    // Differences in the highest bytes of two words do not cancel.
    for value in 1...255 as ClosedRange<UInt8> {
      var bytes = [UInt8](repeating: 0, count: 16)
      (bytes[7], bytes[15]) = (1, value)
      #expect(seen.insert(hash(bytes)).inserted)
    }
  }
}

extension Collector where Value == String {
  /// The texts, a line each.
  fileprivate var text: String { all.joined(separator: "\n") }
}
