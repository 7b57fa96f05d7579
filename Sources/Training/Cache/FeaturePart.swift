import Foundation
import Storage
import Torch

/// One memory-mapped file of a feature cache: rows with their keys and checksums.
final class FeaturePart: @unchecked Sendable {
  let url: URL
  /// The row of each key.
  let rows: [ContentHash: Int]
  private let columns: [SafetensorsRows.Column]
  private let tensors: [String: Tensor]
  private let checksums: [Int64]
  private let lock = NSLock()
  private var isVerified: Bool

  private static let keys = SafetensorsRows.Column("keys", .int64, [2])
  private static let sums = SafetensorsRows.Column("checksums", .int64, [])

  /// Returns the size of a row in bytes, with key and checksum.
  static func rowBytes(_ columns: [SafetensorsRows.Column]) -> Int {
    (columns + [keys, sums]).reduce(0) { $0 + $1.rowBytes }
  }

  /// Opens a file without reading its rows.
  ///
  /// - Throws: `SafetensorsError` or `DamagedPart` that names the file.
  convenience init(reading url: URL, _ columns: [SafetensorsRows.Column]) throws {
    try self.init(url, columns, isVerified: false)
  }

  /// Computes rows and writes them.
  ///
  /// - Parameters:
  ///   - keys: the keys of the rows, each once.
  ///   - columns: the tensors of a row.
  ///   - folder: the folder of the file. The name follows from the keys.
  ///   - workers: the number of rows that are computed in parallel.
  ///   - make: computes the row of an index.
  /// - Throws: `FileError` that names the file, or the error of `make`.
  convenience init(
    writing keys: [ContentHash], _ columns: [SafetensorsRows.Column], into folder: URL, workers: Int,
    make: @escaping @Sendable (_ index: Int) throws -> [Tensor]
  ) throws {
    var name = ContentHash()
    for key in keys { name.combine(key) }
    let url = folder.appendingPathComponent("\(name.text).safetensors")
    try SafetensorsRows.write(columns + [Self.keys, Self.sums], rows: keys.count, to: url) { file in
      _ = try concurrentMap(count: keys.count, threads: workers) { index in
        let row = try make(index)
        for (column, tensor) in zip(columns, row) { try file.store(tensor, row: index, of: column.name) }
        try file.store(Tensor(keys[index].words), row: index, of: Self.keys.name)
        try file.store(Tensor([Self.checksum(row)], shape: []), row: index, of: Self.sums.name)
      }
    }
    try self.init(url, columns, isVerified: true)
  }

  private init(_ url: URL, _ columns: [SafetensorsRows.Column], isVerified: Bool) throws {
    self.url = url
    self.columns = columns
    self.isVerified = isVerified
    let file = try SafetensorsFile(url)
    let count = file.entries[Self.keys.name]?.shape.first ?? 0
    for column in columns + [Self.keys, Self.sums] {
      guard let entry = file.entries[column.name], entry.dtype == column.dtype,
        entry.shape == [count] + column.shape
      else { throw DamagedPart(url: url, reason: "\(column.name) is missing or of another shape") }
    }
    tensors = try file.tensors()
    let words = try tensors[Self.keys.name]?.array(of: Int64.self) ?? []
    checksums = try tensors[Self.sums.name]?.array(of: Int64.self) ?? []
    rows = Dictionary(
      (0..<count).map { (ContentHash(words: Array(words[2 * $0..<2 * $0 + 2])), $0) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Returns whether the file holds any of some keys.
  func holds(any keys: Set<ContentHash>) -> Bool { rows.keys.contains(where: keys.contains) }

  /// Returns one row of all columns, each with a first size of 1.
  func row(_ index: Int) throws -> [Tensor] {
    try columns.compactMap { try tensors[$0.name]?.narrowed(dim: 0, start: index, length: 1) }
  }

  /// Verifies the checksum of every row, once.
  ///
  /// - Throws: `DamagedPart` that names the file.
  func verify() throws {
    guard lock.withLock({ !isVerified }) else { return }
    let whole = try concurrentMap(count: checksums.count) { index in
      try Self.checksum(self.row(index)) == self.checksums[index]
    }
    guard whole.allSatisfy({ $0 }) else {
      throw DamagedPart(
        url: url, reason: "\(whole.count { !$0 }) of \(counted(whole.count, "row")) are damaged")
    }
    lock.withLock { isVerified = true }
  }

  private static func checksum(_ row: [Tensor]) throws -> Int64 {
    var hash = ContentHash()
    for tensor in row { try tensor.withBytes { hash.combine($0) } }
    return hash.words[0]
  }
}

/// An unusable file of cached features.
struct DamagedPart: Error, CustomStringConvertible {
  let url: URL
  let reason: String

  var description: String { "\(url.path): \(reason)" }
}

/// The rows of a feature cache, from all its files.
struct FeatureRows: Sendable {
  private let columns: [String]
  private var parts: [FeaturePart] = []

  /// Makes an empty set of rows.
  init(_ columns: [String]) { self.columns = columns }

  /// Adds the rows of a file.
  mutating func add(_ part: FeaturePart) { parts.append(part) }

  /// Returns the file and row of a key; nil if it is not cached.
  func place(of key: ContentHash) -> (part: FeaturePart, row: Int)? {
    for part in parts { if let row = part.rows[key] { return (part, row) } }
    return nil
  }

  /// Returns the indices of the keys without a row; of equal keys the first.
  func missing(_ keys: [ContentHash]) -> [Int] {
    var seen = Set<ContentHash>()
    return keys.indices.filter { place(of: keys[$0]) == nil && seen.insert(keys[$0]).inserted }
  }

  /// Returns rows in a given order: for each column, one tensor of all rows.
  ///
  /// - Returns: the tensors; nil if one of the rows is not cached.
  /// - Throws: `TorchError` if memory is short.
  func tensors(_ keys: [ContentHash]) throws -> [Tensor]? {
    var rows: [[Tensor]] = []
    for key in keys {
      guard let (part, row) = place(of: key) else { return nil }
      rows.append(try part.row(row))
    }
    return try columns.indices.map { column in try .concatenated(rows.map { $0[column] }, dim: 0) }
  }
}
