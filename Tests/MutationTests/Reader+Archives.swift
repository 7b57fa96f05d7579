import Foundation
import Storage
import TestSupport

extension Reader {
  /// A zip archive of an import.
  static let archive = Reader(name: "zip") { folder in
    let files = (0..<3).map { index in
      (path: "set/images/\(index).png", content: Data((0..<60).map { UInt8($0 * (index + 2)) }))
    }
    try zipArchive(files).write(to: folder.appendingPathComponent("x.zip"))
    return ["x.zip"]
  } read: { folder in
    // Inside of the folder, so that errors of its files name the folder, too.
    let out = folder.appendingPathComponent("out")
    defer { try? FileManager.default.removeItem(at: out) }
    try ZipArchive(folder.appendingPathComponent("x.zip")).extract(to: out)
  }
}
