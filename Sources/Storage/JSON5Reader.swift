import Foundation

/// A fault in the text of a JSON or JSON5 document, with its place.
public struct JSONFault: Error, Equatable, CustomStringConvertible {
  /// The line, from 1.
  public let line: Int
  /// The column in characters, from 1.
  public let column: Int
  /// The fault and, if known, the fix.
  public let reason: String

  /// The place and the fault in one line.
  public var description: String { "line \(line), column \(column): \(reason)" }
}

/// A reader of JSON5, of which JSON is a part.
///
/// It differs from Foundation's in five ways. Every fault has a line and a column. A name that
/// stands twice in an object is a fault. So are NaN and Infinity, which no setting can have. So are
/// numbers beyond the range of a double, and more than 2 million values, so that memory is bounded.
struct JSON5Reader {
  private let bytes: [UInt8]
  private var position = 0
  private var count = 0
  private static let deepest = 500
  private static let mostValues = 2_000_000

  /// Reads a whole document as one value; only white space and comments may follow it.
  ///
  /// - Throws: `JSONFault`.
  static func value(of data: Data) throws -> JSONValue {
    var reader = JSON5Reader(bytes: Array(data))
    guard String(validating: reader.bytes, as: UTF8.self) != nil else {
      // The decoder puts a replacement at the first bad byte, so all before it is the same.
      let repaired = String(decoding: reader.bytes, as: UTF8.self).utf8
      reader.position = zip(reader.bytes, repaired).prefix { $0 == $1 }.count
      throw reader.fault("the text is not UTF-8; save it as UTF-8")
    }
    let value = try reader.value(depth: 0)
    try reader.skipSpace()
    guard reader.position == reader.bytes.count else {
      throw reader.fault("\(reader.found) after the end of the value")
    }
    return value
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private func fault(_ reason: String, at place: Int? = nil) -> JSONFault {
    let before = bytes.prefix(place ?? position)
    let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    return JSONFault(
      line: 1 + before.count { $0 == UInt8(ascii: "\n") },
      // Bytes that continue a character do not count.
      column: 1 + before[start...].count { $0 & 0xC0 != 0x80 }, reason: reason)
  }

  private func byte(_ offset: Int = 0) -> UInt8? {
    position + offset < bytes.count ? bytes[position + offset] : nil
  }

  private func starts(with text: StaticString) -> Bool {
    text.withUTF8Buffer { bytes[position...].starts(with: $0) }
  }

  /// The character at the position, for messages.
  private var found: String {
    let character = String(decoding: bytes[position...].prefix(16), as: UTF8.self).first
    return character.map { $0.isNewline ? "the end of the line" : "\"\($0)\"" } ?? "the end of the file"
  }

  private mutating func skipSpace() throws {
    while let next = byte() {
      switch next {
      case 0x09...0x0D, 0x20: position += 1
      case 0xC2 where byte(1) == 0xA0: position += 2
      case 0xE1, 0xE2, 0xE3, 0xEF:
        // A space of another script, a separator of lines or a byte-order mark.
        guard let scalar = String(decoding: bytes[position...].prefix(3), as: UTF8.self).unicodeScalars.first,
          scalar.properties.isWhitespace || scalar == "\u{FEFF}"
        else { return }
        position += 3
      case UInt8(ascii: "/"): try skipComment()
      default: return
      }
    }
  }

  private mutating func skipComment() throws {
    let start = position
    if starts(with: "//") {
      while let next = byte(), next != 0x0A, next != 0x0D { position += 1 }
    } else if starts(with: "/*") {
      position += 2
      while !starts(with: "*/") {
        guard position < bytes.count else { throw fault("the comment has no end \"*/\"", at: start) }
        position += 1
      }
      position += 2
    } else {
      throw fault("\"/\" does not begin a value; comments begin with \"//\" or \"/*\"")
    }
  }

  private mutating func value(depth: Int) throws -> JSONValue {
    guard depth < Self.deepest else { throw fault("values are nested more than \(Self.deepest) deep") }
    count += 1
    guard count <= Self.mostValues else { throw fault("more than \(Self.mostValues) values") }
    try skipSpace()
    guard let next = byte() else { throw fault("a value is expected, found \(found)") }
    switch next {
    case UInt8(ascii: "{"): return .object(try members(depth: depth))
    case UInt8(ascii: "["): return .array(try items(depth: depth))
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try string())
    case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "0")...UInt8(ascii: "9"):
      return try number()
    default: return try word()
    }
  }

  private mutating func word() throws -> JSONValue {
    let start = position
    switch identifier() {
    case "null": return .null
    case "true": return .bool(true)
    case "false": return .bool(false)
    case let name where ["NaN", "Infinity"].contains(name):
      throw fault("\(name) is not a number that can be used", at: start)
    case "": throw fault("a value is expected, found \(found)")
    case let name: throw fault("\"\(name)\" is not a value; a text needs quotes", at: start)
    }
  }

  /// Takes letters, digits, `$`, `_` and characters beyond ASCII, if any stand here.
  private mutating func identifier() -> String {
    let start = position
    while let next = byte(), next >= 0x80 || isWord(next) { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "$"), UInt8(ascii: "_"): true
    default: false
    }
  }

  private mutating func members(depth: Int) throws -> [String: JSONValue] {
    let start = position
    var members: [String: JSONValue] = [:]
    position += 1
    while true {
      try skipSpace()
      if byte() == UInt8(ascii: "}") { break }
      let place = position
      let isQuoted = byte() == UInt8(ascii: "\"") || byte() == UInt8(ascii: "'")
      let name = isQuoted ? try string() : identifier()
      guard isQuoted || !name.isEmpty else {
        throw position < bytes.count
          ? fault("a name is expected, found \(found)") : fault("the object has no end \"}\"", at: start)
      }
      guard members[name] == nil else { throw fault("the name \"\(name)\" stands twice", at: place) }
      try skipSpace()
      guard byte() == UInt8(ascii: ":") else {
        throw fault("a colon is expected after the name \"\(name)\", found \(found)")
      }
      position += 1
      members[name] = try value(depth: depth + 1)
      guard try goesOn(to: "}", of: "object", from: start) else { break }
    }
    position += 1
    return members
  }

  private mutating func items(depth: Int) throws -> [JSONValue] {
    let start = position
    var items: [JSONValue] = []
    position += 1
    while true {
      try skipSpace()
      if byte() == UInt8(ascii: "]") { break }
      guard position < bytes.count else { throw fault("the list has no end \"]\"", at: start) }
      items.append(try value(depth: depth + 1))
      guard try goesOn(to: "]", of: "list", from: start) else { break }
    }
    position += 1
    return items
  }

  /// Takes a comma and returns true, or stays at the end of the object or list and returns false.
  private mutating func goesOn(to end: Character, of kind: String, from start: Int) throws -> Bool {
    try skipSpace()
    guard let next = byte() else { throw fault("the \(kind) has no end \"\(end)\"", at: start) }
    if next == end.asciiValue { return false }
    guard next == UInt8(ascii: ",") else { throw fault("a comma or \"\(end)\" is expected, found \(found)") }
    position += 1
    return true
  }

  private mutating func number() throws -> JSONValue {
    let start = position
    while let next = byte(), isWord(next) || [0x2B, 0x2D, 0x2E].contains(next) { position += 1 }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    let isNegative = text.hasPrefix("-")
    let digits = text.drop { $0 == "-" || $0 == "+" }
    guard text.count - digits.count <= 1, let first = digits.utf8.first else {
      throw fault("\"\(text)\" is not a number", at: start)
    }
    guard !["NaN", "Infinity"].contains(digits) else {
      throw fault("\(text) is not a number that can be used", at: start)
    }
    if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
      guard let value = Int(digits.dropFirst(2), radix: 16), digits.dropFirst(2).first?.isHexDigit == true
      else {
        throw fault("\"\(text)\" is not a hexadecimal number, or it is too large", at: start)
      }
      return .integer(isNegative ? -value : value)
    }
    // Swift reads more forms than JSON5, such as hexadecimal fractions and words.
    let isPlain = digits.utf8.allSatisfy {
      (0x30...0x39).contains($0) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains($0)
    }
    let padded = first == UInt8(ascii: ".") ? "0" + digits : String(digits)
    let whole = padded.prefix { $0 != "." && $0 != "e" && $0 != "E" }
    guard isPlain, digits != ".", whole.count == 1 || !whole.hasPrefix("0"),
      let value = Double(
        padded.hasSuffix(".") ? padded + "0" : padded.lowercased().replacing(".e", with: ".0e"))
    else { throw fault("\"\(text)\" is not a number", at: start) }
    guard value.isFinite else { throw fault("\(text) is beyond the range of numbers", at: start) }
    if let integer = Int(text) { return .integer(integer) }
    if let integer = UInt64(text) { return .unsigned(integer) }
    if let integer = Int(exactly: isNegative ? -value : value) { return .integer(integer) }
    return .number(isNegative ? -value : value)
  }
}

extension JSON5Reader {
  /// Reads a text in single or double quotes.
  private mutating func string() throws -> String {
    let start = position
    let quote = bytes[position]
    position += 1
    var text: [UInt8] = []
    while let next = byte() {
      position += 1
      switch next {
      case quote: return String(decoding: text, as: UTF8.self)
      case 0x0A, 0x0D: throw fault("the text has no closing quote", at: start)
      case UInt8(ascii: "\\"): try appendEscape(to: &text)
      default: text.append(next)
      }
    }
    throw fault("the text has no closing quote", at: start)
  }

  private mutating func appendEscape(to text: inout [UInt8]) throws {
    let start = position - 1
    guard let next = byte() else { return }
    position += 1
    switch next {
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "v"): text.append(0x0B)
    case UInt8(ascii: "x"), UInt8(ascii: "u"):
      var code = try hexadecimal(next == UInt8(ascii: "x") ? 2 : 4, start)
      if (0xD800...0xDBFF).contains(code), starts(with: "\\u") {
        position += 2
        let low = try hexadecimal(4, start)
        guard (0xDC00...0xDFFF).contains(low) else { throw fault("half of a surrogate pair", at: start) }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw fault("half of a surrogate pair", at: start) }
      text += Array(String(scalar).utf8)
    case UInt8(ascii: "0") where !(byte().map { (0x30...0x39).contains($0) } ?? false): text.append(0)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): throw fault("an escape that is not known", at: start)
    // A line that ends in a backslash goes on in the next one.
    case 0x0A: break
    case 0x0D: if byte() == 0x0A { position += 1 }
    case 0xE2 where byte() == 0x80 && [0xA8, 0xA9].contains(byte(1) ?? 0): position += 2
    default: text.append(next)
    }
  }

  private mutating func hexadecimal(_ count: Int, _ start: Int) throws -> UInt32 {
    let digits = bytes[position...].prefix(count)
    guard digits.count == count, let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
      digits.first != UInt8(ascii: "+")
    else { throw fault("an escape needs \(count) hexadecimal digits", at: start) }
    position += count
    return code
  }
}
