import Foundation
import Storage
import Torch

/// Keeps what was computed of pictures in a folder: memory-mapped files of rows, each found by a hash of all that it was
/// made from.
///
/// A file is written under another name, flushed and renamed, so a writer that is killed leaves none that is half
/// written; what a killed writer left is removed. Every row has a checksum, which is compared when a file is first used: a
/// damaged file is removed and its rows are made anew, with a note. Several processes may share a folder: at worst
/// both make the same rows.
public final class FeatureCache: @unchecked Sendable {
  /// The default limit, bytes.
  public static let standardLimit = 16 << 30
  /// Bytes of a file, at most; what a killed writer loses.
  static let partBytes = 256 << 20

  /// The folder; made when something is kept.
  public let folder: URL
  /// Bytes that the folder may take.
  public let limit: Int
  private let note: @Sendable (String) -> Void
  private let lock = NSLock()
  private var parts: [URL: FeaturePart] = [:]
  private var told = Set<String>()

  /// Names a folder; nothing is read or made.
  ///
  /// - Parameters:
  ///   - folder: where the files are.
  ///   - limit: bytes that the folder may take; what does not fit is not kept.
  ///   - note: told what will be written, what does not fit, and what was damaged.
  public init(
    _ folder: URL, limit: Int = FeatureCache.standardLimit,
    note: @escaping @Sendable (_ text: String) -> Void = { _ in }
  ) {
    self.folder = folder
    self.limit = limit
    self.note = note
  }

  /// Removes the folder; rows that were handed out stay readable.
  public func remove() { try? FileManager.default.removeItem(at: folder) }

  /// Rows as they are kept; those that are missing are made and kept first.
  ///
  /// - Parameters:
  ///   - keys: of the rows; equal keys are made once.
  ///   - group: the folder of files of the same columns; rows of other groups are not looked at.
  ///   - columns: the tensors of a row.
  ///   - what: what the rows are, for notes.
  ///   - workers: rows that are made side by side.
  ///   - progress: told how many of the missing ones are made, from any thread.
  ///   - make: makes the row of a key's index: one tensor a column, of as many elements as that has.
  /// - Returns: the rows; nil when they do not fit the limit or the disk, which a note says.
  /// - Throws: `FileError` that names a file that cannot be written, or what making throws.
  func rows(
    _ keys: [ContentHash], group: String, columns: [SafetensorsRows.Column], what: String, workers: Int,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in },
    make: @escaping @Sendable (_ index: Int) throws -> [Tensor]
  ) throws -> FeatureRows? {
    let place = folder.appendingPathComponent(group)
    var found = stored(Set(keys), in: place, columns)
    var seen = Set<ContentHash>()
    let missing = keys.indices.filter { found.place(of: keys[$0]) == nil && seen.insert(keys[$0]).inserted }
    guard !missing.isEmpty else { return found }
    let size = FeaturePart.rowBytes(columns)
    guard fits(missing.count, size, what) else { return nil }
    try FileManager.default.createFolder(place)
    AtomicFile.removeLeftovers(in: place)
    let length = max(1, Self.partBytes / size)
    let done = Tally()
    for start in stride(from: 0, to: missing.count, by: length) {
      let indices = Array(missing[start..<min(missing.count, start + length)])
      let part = try FeaturePart(writing: indices.map { keys[$0] }, columns, into: place, workers: workers) {
        let row = try make(indices[$0])
        progress(done.add(), missing.count)
        return row
      }
      found.add(part)
      lock.withLock { parts[part.url] = part }
    }
    return found
  }

  /// The rows among some that are there and whole.
  private func stored(
    _ keys: Set<ContentHash>, in place: URL, _ columns: [SafetensorsRows.Column]
  ) -> FeatureRows {
    var rows = FeatureRows(columns.map(\.name))
    let names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
    for name in names.sorted() where name.hasSuffix(".safetensors") {
      let url = place.appendingPathComponent(name)
      do {
        let part = try lock.withLock { parts[url] } ?? FeaturePart(reading: url, columns)
        guard part.holds(any: keys) else { continue }
        try part.verify()
        lock.withLock { parts[url] = part }
        rows.add(part)
      } catch let error where error is DamagedPart || error is SafetensorsError {
        tell("note: \(error); it is made anew")
        try? FileManager.default.removeItem(at: url)
      } catch {
        tell("note: \(error); it is left as it is, and its rows are made anew")
      }
    }
    return rows
  }

  /// Whether more rows fit; says what they take either way.
  private func fits(_ count: Int, _ size: Int, _ what: String) -> Bool {
    let taken = Self.bytes(in: folder)
    let bytes = count * size
    let estimate = "\(what): \(count) × \(byteText(size)) = \(byteText(bytes))"
    guard bytes <= limit - taken else {
      let others = taken > 0 ? ", of which \(byteText(taken)) are taken" : ""
      tell(
        "note: \(estimate) are more than the limit of \(byteText(limit))\(others); they are not cached and each step "
          + "computes them")
      return false
    }
    let free = Self.freeBytes(folder)
    // Something must be left for weights, states and other programs.
    guard bytes <= free / 10 * 9 else {
      tell(
        "note: \(estimate) do not fit the \(byteText(free)) that are free at \(folder.path); they are not cached and each step "
          + "computes them; another folder may have room")
      return false
    }
    tell("caching \(estimate) in \(folder.path)")
    return true
  }

  private func tell(_ text: String) {
    guard lock.withLock({ told.insert(text).inserted }) else { return }
    note(text)
  }

  /// Bytes of all files in a folder.
  private static func bytes(in folder: URL) -> Int {
    let files = FileManager.default.enumerator(atPath: folder.path)
    return (files?.compactMap { $0 as? String } ?? []).reduce(0) { total, name in
      let path = folder.appendingPathComponent(name).path
      let attributes = try? FileManager.default.attributesOfItem(atPath: path)
      guard attributes?[.type] as? FileAttributeType == .typeRegular else { return total }
      return total + ((attributes?[.size] as? NSNumber)?.intValue ?? 0)
    }
  }

  /// Bytes that are free where a folder is or would be.
  private static func freeBytes(_ folder: URL) -> Int {
    var place = folder.standardizedFileURL
    while place.path != "/", !FileManager.default.fileExists(atPath: place.path) {
      place.deleteLastPathComponent()
    }
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: place.path)
    return (attributes?[.systemFreeSize] as? NSNumber)?.intValue ?? .max
  }
}

/// A number of bytes for people: `591 KiB`, `1.4 GiB`.
func byteText(_ bytes: Int) -> String {
  var (value, unit) = (Double(bytes), 0)
  let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
  while value >= 1024, unit < units.count - 1 {
    value /= 1024
    unit += 1
  }
  return String(format: unit == 0 || value >= 100 ? "%.0f %@" : "%.1f %@", value, units[unit])
}
