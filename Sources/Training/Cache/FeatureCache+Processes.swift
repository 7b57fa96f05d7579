import Foundation
import Storage
import Torch

extension FeatureCache {
  /// Returns the rows that this process computes.
  ///
  /// The processes that see one folder divide what is missing there. So on a shared file system each
  /// row is computed once, and otherwise once on each machine.
  ///
  /// - Parameters:
  ///   - missing: the rows that this process does not find, ascending.
  ///   - processes: the processes, at least two; all of them make this call.
  /// - Returns: its part.
  /// - Throws: `FileError` that names the folder if it cannot be written.
  func part(of missing: [Int], _ processes: Processes) throws -> [Int] {
    let neighbours = try neighbours(processes)
    let all = try processes.joined([missing])
    let rows = neighbours.reduce(into: Set<Int>()) { $0.formUnion(all[$1]) }.sorted()
    guard let place = neighbours.firstIndex(of: processes.rank) else { return missing }
    let (start, end) = (
      rows.count * place / neighbours.count, rows.count * (place + 1) / neighbours.count
    )
    return Array(rows[start..<end])
  }

  /// Returns the numbers of the processes that see the same folder, this one too, ascending.
  ///
  /// Each process writes an empty file, and looks for those of the others.
  private func neighbours(_ processes: Processes) throws -> [Int] {
    // Of a killed process it is a leftover like any unfinished file.
    let own = ".process-\(processes.rank)-\(UUID().uuidString).part"
    let file = folder.appendingPathComponent(own)
    try processes.together {
      try FileManager.default.createFolder(folder)
      AtomicFile.removeLeftovers(in: folder)
      try AtomicFile.write(Data(), to: file)
    }
    defer { try? FileManager.default.removeItem(at: file) }
    let names = try processes.joined([own])
    let seen = names.indices.filter {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent(names[$0]).path)
    }
    // It also waits until all have looked.
    let views = try processes.joined([seen])
    return seen.filter { views[$0].contains(processes.rank) }
  }
}
