import Foundation
import Testing

@testable import Storage

@Suite("Pending file")
struct PendingFileTests {
  private func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pending-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  private func names(_ folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  @Test("The file takes its place when it is committed, and not before")
  func commit() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("x.txt")
      try Data("old".utf8).write(to: url)
      let file = try PendingFile(for: url)
      try file.handle.write(contentsOf: Data("new".utf8))
      #expect(try Data(contentsOf: url) == Data("old".utf8))
      #expect(try names(folder).count == 2)
      try file.commit()
      try file.commit()
      file.discard()
      #expect(try Data(contentsOf: url) == Data("new".utf8))
      #expect(try names(folder) == ["x.txt"])
    }
  }

  @Test("A file that is discarded, or forgotten, leaves nothing")
  func discard() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("x.txt")
      let file = try PendingFile(for: url)
      file.discard()
      file.discard()
      try file.commit()
      _ = try PendingFile(for: url)
      #expect(try names(folder).isEmpty)
    }
  }

  @Test("A folder that is not there is an error that names the file")
  func noFolder() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("missing/x.txt")
      let error = #expect(throws: FileError.self) { try PendingFile(for: url) }
      #expect(error?.description.hasPrefix(url.path) == true)
    }
  }
}
