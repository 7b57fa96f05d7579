import Foundation
import Testing

@testable import Storage

@Suite("Files that grow by lines")
struct LineLogTests {
  private struct Row: Codable, Equatable { let number: Int }

  private func folder() throws -> URL {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("lines-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }

  @Test("Lines are in the temporary file at once, and the file gets its name at the end")
  func grows() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let log = try LineLog(folder.appendingPathComponent("frames.jsonl"))
    try log.add(Row(number: 1))
    try log.add(Row(number: 2))
    #expect(try String(contentsOf: log.part, encoding: .utf8) == "{\"number\":1}\n{\"number\":2}\n")
    #expect(FileSystem.kind(of: log.file) == nil)
    try log.finish()
    try log.finish()
    #expect(FileSystem.kind(of: log.part) == nil)
    let rows: [Row] = try JSONLines.read(log.file, expected: "a number")
    #expect(rows == [Row(number: 1), Row(number: 2)])
  }

  @Test("An earlier file stays until the new one is finished")
  func replaces() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("frames.jsonl")
    try Data("old\n".utf8).write(to: file)
    let log = try LineLog(file)
    try log.add(Row(number: 7))
    #expect(try String(contentsOf: file, encoding: .utf8) == "old\n")
    try log.finish()
    #expect(try String(contentsOf: file, encoding: .utf8) == "{\"number\":7}\n")
  }

  @Test("A folder that is not there is named")
  func missing() throws {
    let file = URL(fileURLWithPath: "/no/such/folder/frames.jsonl")
    #expect(throws: FileError.self) { try LineLog(file) }
  }
}
