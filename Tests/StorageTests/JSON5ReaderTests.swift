import Foundation
import Testing

@testable import Storage

@Suite("JSON5 reader")
struct JSON5ReaderTests {
  private func read(_ text: String) throws -> JSONValue { try JSONValue(json5: Data(text.utf8)) }

  @Test("Every form of a value is read")
  func values() throws {
    let text = """
      // A comment.
      { "a": [1, -2, 2.5, 1e3, 1E-2, .5, 5., +7, 0x1F, -0x10, 12345678901234567168], /* another */
        b: 'it\\'s "so"', $c_1: "\\u00e9\\x41\\n\\ud83d\\ude00\\
      z", 'd': { e: null, f: true, g: false, }, é: [], }
      """
    #expect(
      try read(text)
        == .object([
          "a": .array([
            1, -2, .number(2.5), 1000, .number(0.01), .number(0.5), 5, 7, 31, -16,
            .unsigned(12345678901234567168),
          ]),
          "b": "it's \"so\"", "$c_1": "éA\n😀z", "d": .object(["e": .null, "f": true, "g": false]),
          "é": .array([]),
        ]))
    #expect(try read("\u{FEFF}[\u{A0}1\u{2028}]") == .array([1]))
    #expect(
      try read("9223372036854775807") == .integer(.max) && read("-9223372036854775808") == .integer(.min))
  }

  @Test(
    "Every fault has a line and a column",
    arguments: [
      ("", "line 1, column 1: a value is expected, found the end of the file"),
      ("{\n \"a\": 1,\n  b c: 3}", "line 3, column 5: a colon is expected after the name \"b\", found \"c\""),
      ("{\n  \"size\": NaN }", "line 2, column 11: NaN is not a number that can be used"),
      ("[-Infinity]", "line 1, column 2: -Infinity is not a number that can be used"),
      ("[1e999]", "line 1, column 2: 1e999 is beyond the range of numbers"),
      ("[0xFFFFFFFFFFFFFFFFFF]", "line 1, column 2: \"0xFFFFFFFFFFFFFFFFFF\" is not a hexadecimal number"),
      ("[0x-1]", "is not a hexadecimal number"), ("[01]", "line 1, column 2: \"01\" is not a number"),
      ("[1.5.2]", "\"1.5.2\" is not a number"), ("[1_000]", "\"1_000\" is not a number"),
      ("[--1]", "not a number"),
      ("{a: 1,\n a: 2}", "line 2, column 2: the name \"a\" stands twice"),
      ("{é: €}", "line 1, column 5: \"€\" is not a value; a text needs quotes"),
      ("{a: 1 b: 2}", "line 1, column 7: a comma or \"}\" is expected, found \"b\""), ("[1,,2]", "column 4"),
      ("\n{a: [1, 2}", "line 2, column 10: a comma or \"]\" is expected"),
      ("{", "the object has no end \"}\""),
      ("[1", "the list has no end \"]\""),
      ("[\n\"a\nb\"]", "line 2, column 1: the text has no closing quote"),
      ("/* x", "the comment has no end"), ("{} x", "line 1, column 4: \"x\" after the end of the value"),
      ("[\"\\ud800\"]", "line 1, column 3: half of a surrogate pair"),
      ("[\"\\u+123\"]", "4 hexadecimal digits"),
      (String(repeating: "[", count: 100_000), "nested more than 500 deep"),
    ])
  func faults(_ text: String, _ part: String) throws {
    let fault = try #require(throws: JSONFault.self) { try read(text) }
    #expect("\(fault)".contains(part), "\(fault)")
  }

  @Test("A fault of a file names the file, and so does text that is not UTF-8")
  func files() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("json-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    for (bytes, part) in [
      (Data("{a: NaN}".utf8), "it is not JSON: line 1, column 5"),
      (Data("{\n\"ab".utf8) + Data([0xFF]), "line 2, column 4: the text is not UTF-8"),
    ] {
      try bytes.write(to: file)
      let error = try #require(throws: FileError.self) { try JSONValue(json5File: file) }
      #expect("\(error)".contains(file.path) && "\(error)".contains(part), "\(error)")
    }
  }

  @Test("Damaged text is a fault, never a crash")
  func damage() {
    let base = Array(
      "{ \"a\": [1, 2.5e3, 'x\\u00e9\\n'], b: { c: null, // d\n e: true } /* f */, g: 0x1F }".utf8)
    var state: UInt32 = 7
    func random(_ count: Int) -> Int {
      state = state &* 1_664_525 &+ 1_013_904_223
      return Int(state >> 8) % count
    }
    for _ in 0..<3000 {
      var bytes = base
      for _ in 0...random(3) { bytes[random(bytes.count)] = UInt8(random(256)) }
      _ = try? JSONValue(json5: Data(bytes.prefix(1 + random(bytes.count))))
    }
  }
}
