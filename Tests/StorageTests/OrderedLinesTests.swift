import Foundation
import Testing

@testable import Storage

@Suite("Lines in order from several threads")
struct OrderedLinesTests {
  private struct Row: Codable, Equatable, Sendable { let number: Int }

  private func inFolder(_ body: (URL) throws -> Void) throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("ordered-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: url) }
    try body(url)
  }

  @Test("A line waits for those before it and is then in the temporary file; a failed place has none")
  func order() throws {
    try inFolder { folder in
      let file = folder.appendingPathComponent("a.jsonl")
      let part = folder.appendingPathComponent("a.jsonl.part")
      let lines = OrderedLines<Row>(file)
      lines.add(Row(number: 2), at: 2)
      #expect(FileSystem.kind(of: part) == nil)
      lines.add(Row(number: 0), at: 0)
      #expect(try String(contentsOf: part, encoding: .utf8) == "{\"number\":0}\n")
      lines.add(nil, at: 1)
      // This is what a killed process leaves.
      #expect(try String(contentsOf: part, encoding: .utf8) == "{\"number\":0}\n{\"number\":2}\n")
      #expect(FileSystem.kind(of: file) == nil)
      try lines.finish()
      #expect(FileSystem.kind(of: part) == nil)
      let rows: [Row] = try JSONLines.read(file, expected: "a number")
      #expect(rows == [Row(number: 0), Row(number: 2)])
    }
  }

  @Test("Threads give the lines of their order")
  func threads() throws {
    try inFolder { folder in
      let file = folder.appendingPathComponent("a.jsonl")
      let lines = OrderedLines<Row>(file)
      DispatchQueue.concurrentPerform(iterations: 200) { place in
        lines.add(place % 7 == 3 ? nil : Row(number: place), at: place)
      }
      try lines.finish()
      let rows: [Row] = try JSONLines.read(file, expected: "a number")
      #expect(rows.map(\.number) == (0..<200).filter { $0 % 7 != 3 })
    }
  }

  @Test("Without a line there is no file, and a failure comes at the end")
  func failures() throws {
    try inFolder { folder in
      let none = OrderedLines<Row>(folder.appendingPathComponent("a.jsonl"))
      none.add(nil, at: 0)
      try none.finish()
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
      let lines = OrderedLines<Row>(folder.appendingPathComponent("no/a.jsonl"))
      lines.add(Row(number: 1), at: 0)
      lines.add(Row(number: 2), at: 1)
      #expect(throws: FileError.self) { try lines.finish() }
    }
  }
}
