import Foundation
import Storage

/// The content of a `tokenizer.json`, with the vocabulary and the merges of byte pairs apart.
///
/// Gemma's file has 256,000 tokens and more than 500,000 merges. They are read without a tree of
/// JSON values, which would take many times the memory of the file. The file must be plain JSON.
struct TokenizerDocument {
  /// The most tokens, and the most merges, which bounds memory.
  static let mostEntries = 2_000_000

  /// The members of the file except `model`.
  let whole: SettingsReader
  /// The members of `model` except the vocabulary and the merges of byte pairs.
  let model: SettingsReader
  /// The tokens and their ids, if `model.vocab` is an object.
  let tokens: [(text: [UInt8], id: Int)]?
  /// The merges, if `model.merges` is a list.
  let merges: [(left: [UInt8], right: [UInt8])]?

  /// Reads a file.
  ///
  /// - Throws: `FileError` or `CLIPError` that names the file.
  init(_ file: URL) throws {
    guard FileManager.default.fileExists(atPath: file.path) else { throw CLIPError.missingFile(file) }
    var scanner = Scanner(bytes: [UInt8](try Data(file: file, limit: Data.documentLimit)), file: file)
    var (members, inner) = ([String: JSONValue](), [String: JSONValue]())
    var tokens: [(text: [UInt8], id: Int)]?
    var merges: [(left: [UInt8], right: [UInt8])]?
    try scanner.members { name, scanner in
      guard name == "model" else {
        members[name] = try scanner.value()
        return
      }
      try scanner.members { name, scanner in
        switch (name, try scanner.next()) {
        case ("vocab", UInt8(ascii: "{")): tokens = try scanner.tokens()
        case ("merges", UInt8(ascii: "[")): merges = try scanner.merges()
        default: inner[name] = try scanner.value()
        }
      }
    }
    try scanner.end()
    whole = SettingsReader(file: file, place: "", members: members)
    model = SettingsReader(file: file, place: "model", members: inner)
    (self.tokens, self.merges) = (tokens, merges)
  }
}

/// A reader of the parts of a JSON document from the first byte to the last.
private struct Scanner {
  let bytes: [UInt8]
  let file: URL
  private var place = 0

  init(bytes: [UInt8], file: URL) { (self.bytes, self.file) = (bytes, file) }

  private func fault(_ reason: String) -> CLIPError {
    .badFile(file, reason: "it is not JSON at byte \(place): \(reason); fetch it again")
  }

  /// Returns the next byte that is no white space, without taking it.
  mutating func next() throws -> UInt8 {
    while place < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[place]) { place += 1 }
    guard place < bytes.count else { throw fault("the file ends too early") }
    return bytes[place]
  }

  private mutating func take(_ byte: Unicode.Scalar) throws {
    guard try next() == UInt8(ascii: byte) else { throw fault("\"\(byte)\" is expected") }
    place += 1
  }

  func require(_ isMet: Bool, _ name: String) throws {
    if !isMet { throw fault("there are more than \(TokenizerDocument.mostEntries) \(name)") }
  }

  /// Checks that nothing follows.
  mutating func end() throws {
    while place < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[place]) { place += 1 }
    if place < bytes.count { throw fault("something follows the end of the document") }
  }

  /// Reads the items between two brackets.
  private mutating func items(
    _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout Scanner) throws -> Void
  ) throws {
    try take(open)
    if try next() == UInt8(ascii: close) {
      place += 1
      return
    }
    while true {
      try body(&self)
      guard try next() == UInt8(ascii: ",") else { return try take(close) }
      place += 1
    }
  }

  /// Reads an object.
  mutating func members(_ body: (String, inout Scanner) throws -> Void) throws {
    var names: Set<[UInt8]> = []
    try items("{", "}") { scanner in
      let name = try scanner.string()
      guard names.insert(name).inserted else {
        throw scanner.fault("\"\(String(decoding: name.prefix(40), as: UTF8.self))\" stands twice")
      }
      try scanner.take(":")
      try body(String(decoding: name, as: UTF8.self), &scanner)
    }
  }

  /// Reads any value.
  mutating func value() throws -> JSONValue {
    _ = try next()
    let start = place
    try skip()
    do {
      return try JSONValue(json5: Data(bytes[start..<place]))
    } catch let error as JSONFault {
      throw CLIPError.badFile(file, reason: "it is not JSON after byte \(start): \(error); fetch it again")
    }
  }

  /// Moves behind a value: to the comma or bracket that ends it.
  private mutating func skip() throws {
    var depth = 0
    while place < bytes.count {
      switch bytes[place] {
      case UInt8(ascii: "\""): try skipString()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        place += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return }
        depth -= 1
        place += 1
      case UInt8(ascii: ",") where depth == 0: return
      default: place += 1
      }
    }
    throw fault("the file ends inside a value")
  }

  private mutating func skipString() throws {
    place += 1
    while place < bytes.count {
      switch bytes[place] {
      case UInt8(ascii: "\""):
        place += 1
        return
      case UInt8(ascii: "\\"): place += 2
      default: place += 1
      }
    }
    throw fault("the file ends inside a text")
  }

  /// Reads a text as UTF-8.
  mutating func string() throws -> [UInt8] {
    guard try next() == UInt8(ascii: "\"") else { throw fault("a text is expected") }
    let start = place
    try skipString()
    guard place <= bytes.count else { throw fault("the file ends inside a text") }
    let inside = bytes[(start + 1)..<(place - 1)]
    guard inside.contains(UInt8(ascii: "\\")) else {
      guard String(validating: inside, as: UTF8.self) != nil else { throw fault("a text is not UTF-8") }
      return Array(inside)
    }
    // Few texts have escapes, so the general reader may take its time.
    guard case .string(let text)? = try? JSONValue(json5: Data(bytes[start..<place])) else {
      throw fault("a text has an escape that does not exist")
    }
    return Array(text.utf8)
  }

  /// Reads a whole number from 0.
  private mutating func integer() throws -> Int {
    _ = try next()
    let digits = bytes[place...].prefix { (0x30...0x39).contains($0) }
    guard (1...9).contains(digits.count) else { throw fault("an id from 0 to 999999999 is expected") }
    place += digits.count
    return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  /// Reads an object of tokens and ids.
  mutating func tokens() throws -> [(text: [UInt8], id: Int)] {
    var tokens: [(text: [UInt8], id: Int)] = []
    try items("{", "}") { scanner in
      try scanner.require(tokens.count < TokenizerDocument.mostEntries, "tokens")
      let text = try scanner.string()
      try scanner.take(":")
      tokens.append((text, try scanner.integer()))
    }
    return tokens
  }

  /// Reads a list of merges: pairs, or texts with one space between both tokens.
  mutating func merges() throws -> [(left: [UInt8], right: [UInt8])] {
    var merges: [(left: [UInt8], right: [UInt8])] = []
    try items("[", "]") { scanner in
      try scanner.require(merges.count < TokenizerDocument.mostEntries, "merges")
      var parts: [[UInt8]] = []
      if try scanner.next() == UInt8(ascii: "[") {
        try scanner.items("[", "]") { scanner in
          guard parts.count < 2 else { throw scanner.fault("merge \(merges.count) is not a pair of tokens") }
          parts.append(try scanner.string())
        }
      } else {
        parts = try scanner.string().split(separator: 0x20, omittingEmptySubsequences: false).map(Array.init)
      }
      guard parts.count == 2 else { throw scanner.fault("merge \(merges.count) is not a pair of tokens") }
      merges.append((parts[0], parts[1]))
    }
    return merges
  }
}
