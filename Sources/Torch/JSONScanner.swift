import Foundation

/// A strict reader of the JSON in safetensors headers: objects, arrays, text and whole numbers.
struct JSONScanner {
  enum Value {
    case object([String: Value])
    case array([Value])
    case string(String)
    case integer(Int)

    /// The numbers, if the value is an array of non-negative integers.
    var integers: [Int]? {
      guard case .array(let items) = self else { return nil }
      let numbers = items.compactMap { item -> Int? in
        if case .integer(let number) = item { number } else { nil }
      }
      return numbers.count == items.count ? numbers : nil
    }
  }

  private let bytes: [UInt8]
  private let file: String
  private var position = 0

  init(bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
  }

  /// Reads the whole input as one value; only white space may follow.
  mutating func document() throws -> Value {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw fault("text after the end of the JSON") }
    return value
  }

  private func fault(_ reason: String) -> SafetensorsError {
    .badHeader(file, reason: "not JSON: \(reason) at byte \(position)")
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
  }

  private mutating func peek() throws -> UInt8 {
    skipSpace()
    guard position < bytes.count else { throw fault("unexpected end") }
    return bytes[position]
  }

  private mutating func take(_ character: Character) throws {
    guard try peek() == character.asciiValue else { throw fault("\(character) expected") }
    position += 1
  }

  private mutating func value(depth: Int) throws -> Value {
    guard depth < 8 else { throw fault("nested too deeply") }
    switch try peek() {
    case UInt8(ascii: "{"): return .object(try members(depth: depth))
    case UInt8(ascii: "["): return .array(try items(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    default: return .integer(try integer())
    }
  }

  private mutating func members(depth: Int) throws -> [String: Value] {
    var members: [String: Value] = [:]
    try take("{")
    guard try peek() != UInt8(ascii: "}") else {
      position += 1
      return members
    }
    while true {
      let key = try string()
      try take(":")
      guard members.updateValue(try value(depth: depth + 1), forKey: key) == nil else {
        throw SafetensorsError.duplicateKey(file, key: key)
      }
      if try peek() == UInt8(ascii: "}") { break }
      try take(",")
    }
    position += 1
    return members
  }

  private mutating func items(depth: Int) throws -> [Value] {
    var items: [Value] = []
    try take("[")
    guard try peek() != UInt8(ascii: "]") else {
      position += 1
      return items
    }
    while true {
      items.append(try value(depth: depth + 1))
      if try peek() == UInt8(ascii: "]") { break }
      try take(",")
    }
    position += 1
    return items
  }

  /// Finds the end of a text and lets Foundation decode its escapes.
  private mutating func string() throws -> String {
    try take("\"")
    let start = position
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard position < bytes.count else { throw fault("text without an end") }
    let slice = bytes[start..<position]
    position += 1
    if !slice.contains(UInt8(ascii: "\\")), !slice.contains(where: { $0 < 0x20 }) {
      return String(decoding: slice, as: UTF8.self)
    }
    let quoted = Data([UInt8(ascii: "\"")] + slice + [UInt8(ascii: "\"")])
    guard let text = try? JSONDecoder().decode(String.self, from: quoted) else {
      throw fault("a bad escape in a text")
    }
    return text
  }

  private mutating func integer() throws -> Int {
    let start = position
    while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
      position += 1
    }
    let digits = String(decoding: bytes[start..<position], as: UTF8.self)
    guard !digits.isEmpty else { throw fault("a number, text, list or object expected") }
    guard let number = Int(digits) else { throw SafetensorsError.overflow(file, tensor: "a header number") }
    return number
  }
}
