import Foundation
import Storage
import Torch

/// A cache of results computed from images: a folder of memory-mapped files of rows.
///
/// The key of a row is a hash of everything that the row depends on.
///
/// A file is written under another name, flushed and renamed. So a killed writer leaves no
/// incomplete file; its remains are removed. Every row has a checksum, which is verified at the
/// first use of a file. A damaged file is removed, its rows are computed again, and a note reports
/// it. Several commands may share a folder: at worst, both compute the same rows. The processes of one
/// command divide the rows among them.
public final class FeatureCache: @unchecked Sendable {
  /// The default limit in bytes.
  public static let standardLimit = 16 << 30
  /// The largest size of a file in bytes, which is also the most that a killed writer loses.
  static let partBytes = 256 << 20

  /// The folder; created with the first cached rows.
  public let folder: URL
  /// The largest size of the folder in bytes.
  public let limit: Int
  private let note: @Sendable (String) -> Void
  private let lock = NSLock()
  private var parts: [URL: FeaturePart] = [:]
  private var told = Set<String>()

  /// Names a folder without reading or creating it.
  ///
  /// - Parameters:
  ///   - folder: the folder of the files.
  ///   - limit: the largest size of the folder in bytes. Rows beyond it are not cached.
  ///   - note: called with a message about rows that will be written, rows that do not fit, and
  ///     damage.
  public init(
    _ folder: URL, limit: Int = FeatureCache.standardLimit,
    note: @escaping @Sendable (_ text: String) -> Void = { _ in }
  ) {
    self.folder = folder
    self.limit = limit
    self.note = note
  }

  /// Removes the folder; rows that were already returned remain readable.
  public func remove() { try? FileManager.default.removeItem(at: folder) }

  /// Returns cached rows; computes and caches missing rows first.
  ///
  /// - Parameters:
  ///   - keys: the keys of the rows. Rows of equal keys are computed once.
  ///   - group: the folder of files with the same columns. Rows of other groups are ignored.
  ///   - columns: the tensors of a row.
  ///   - what: a name for the rows, for notes.
  ///   - workers: the number of rows that are computed in parallel.
  ///   - processes: the processes that compute the missing rows, each a part of them.
  ///   - progress: called with the number of missing rows that are finished, from any thread; those of
  ///     this process.
  ///   - make: computes the row of a key's index: one tensor for each column, with the column's
  ///     number of elements.
  /// - Returns: the rows; nil if they exceed the limit or the disk, which a note reports.
  /// - Throws: `FileError` that names a file that cannot be written, or the error of `make`.
  func rows(
    _ keys: [ContentHash], group: String, columns: [SafetensorsRows.Column], what: String, workers: Int,
    _ processes: Processes = .alone,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in },
    make: @escaping @Sendable (_ index: Int) throws -> [Tensor]
  ) throws -> FeatureRows? {
    let place = folder.appendingPathComponent(group)
    func find() -> FeatureRows { stored(Set(keys), in: place, columns) }
    func write(_ missing: [Int], _ found: inout FeatureRows) throws {
      try self.write(
        missing, of: keys, columns, into: place, workers: workers, &found, progress: progress, make: make)
    }
    var found = find()
    var missing = found.missing(keys)
    if processes.areSeveral {
      try processes.requireEqual(keys.reduce(into: ContentHash()) { $0.combine($1) }.text, "images")
      guard try processes.isTrueAnywhere(!missing.isEmpty) else { return found }
      let fit = missing.isEmpty || fits(missing.count, FeaturePart.rowBytes(columns), what)
      guard try !processes.isTrueAnywhere(!fit) else { return nil }
      let own = try part(of: missing, processes)
      try processes.together { try write(own, &found) }
      // A network file system may show the files of others late.
      for delay in [0, 0.2, 1, 2, 4] {
        Thread.sleep(forTimeInterval: delay)
        found = find()
        missing = found.missing(keys)
        guard try processes.isTrueAnywhere(!missing.isEmpty) else { return found }
      }
      try processes.together { try write(missing, &found) }
      return found
    }
    guard !missing.isEmpty else { return found }
    guard fits(missing.count, FeaturePart.rowBytes(columns), what) else { return nil }
    try write(missing, &found)
    return found
  }

  /// Computes rows, and writes them as files of limited size.
  private func write(
    _ missing: [Int], of keys: [ContentHash], _ columns: [SafetensorsRows.Column], into place: URL,
    workers: Int, _ found: inout FeatureRows,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void,
    make: @escaping @Sendable (_ index: Int) throws -> [Tensor]
  ) throws {
    guard !missing.isEmpty else { return }
    try FileManager.default.createFolder(place)
    AtomicFile.removeLeftovers(in: place)
    let length = max(1, Self.partBytes / FeaturePart.rowBytes(columns))
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
  }

  /// Returns the existing, intact rows of a set of keys.
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

  /// Returns whether more rows fit, and notes their size in both cases.
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
    // Weights, states and other programs need some space, too.
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

  /// Returns the size of all files in a folder in bytes.
  private static func bytes(in folder: URL) -> Int {
    let files = FileManager.default.enumerator(atPath: folder.path)
    return (files?.compactMap { $0 as? String } ?? []).reduce(0) { total, name in
      let path = folder.appendingPathComponent(name).path
      let attributes = try? FileManager.default.attributesOfItem(atPath: path)
      guard attributes?[.type] as? FileAttributeType == .typeRegular else { return total }
      return total + ((attributes?[.size] as? NSNumber)?.intValue ?? 0)
    }
  }

  /// Returns the free bytes on the disk of a folder, which need not exist.
  private static func freeBytes(_ folder: URL) -> Int {
    var place = folder.standardizedFileURL
    while place.path != "/", !FileManager.default.fileExists(atPath: place.path) {
      place.deleteLastPathComponent()
    }
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: place.path)
    return (attributes?[.systemFreeSize] as? NSNumber)?.intValue ?? .max
  }
}

/// Formats a number of bytes: `591 KiB`, `1.4 GiB`.
func byteText(_ bytes: Int) -> String {
  var (value, unit) = (Double(bytes), 0)
  let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
  while value >= 1024, unit < units.count - 1 {
    value /= 1024
    unit += 1
  }
  return String(format: unit == 0 || value >= 100 ? "%.0f %@" : "%.1f %@", value, units[unit])
}
