import Foundation
import Testing

@testable import Storage

@Suite("Tables with commas")
struct CSVTableTests {
  private func table(_ text: String) throws -> CSVTable { try CSVTable(Data(text.utf8)) }

  @Test("Fields may be empty or quoted; rows end with CR LF or LF, and the last need not")
  func fields() throws {
    let found = try table("a,b,c\r\n1,,\"x, \"\"y\"\"\r\nz\"\r\n\"\",2,3")
    #expect(found.headings == ["a", "b", "c"])
    #expect(found.rows == [["1", "", "x, \"y\"\r\nz"], ["", "2", "3"]])
    #expect(found["c"] == ["x, \"y\"\r\nz", "3"] && found["d"] == nil)
    #expect(try table("a,b\n\n1,2\n\n").rows == [["1", "2"]])
    #expect(try table("a").rows.isEmpty)
  }

  @Test(
    "A fault is named with its row",
    arguments: [
      ("", "row 1 lacks the names"), ("a,b\n1\n", "row 2 has 1 field in place of 2"),
      ("a\n1\n1,2\n", "row 3 has 2 fields in place of 1"),
      ("a\n\"1\n", "row 2 has a quote that is not closed"),
      ("a\n\"1\"2\n", "row 2 goes on after a closing quote"),
    ])
  func faults(text: String, words: String) {
    #expect { try table(text) } throws: { "\($0)".contains(words) }
  }

  @Test("A file is named in the message")
  func file() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("table-\(UUID().uuidString).csv")
    try Data("a\n\"".utf8).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    #expect { try CSVTable(contentsOf: url) } throws: {
      "\($0)".contains(url.lastPathComponent) && "\($0)".contains("not closed")
    }
  }
}
