import Foundation

/// Any JSON5 value, so that settings can be merged with defaults before they are decoded.
public enum JSONValue: Codable, Hashable, Sendable {
  /// No value: `null`.
  case null
  /// True or false.
  case bool(Bool)
  /// A number without a fraction that fits 64 bits.
  case integer(Int)
  /// An integer above `Int.max`, such as a seed.
  case unsigned(UInt64)
  /// Any other number.
  case number(Double)
  /// A text.
  case string(String)
  /// Values in order.
  case array([JSONValue])
  /// Values by key.
  case object([String: JSONValue])

  /// Reads any JSON value.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(UInt64.self) {
      self = .unsigned(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  /// Writes the value.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .unsigned(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }

  /// Parses JSON5.
  ///
  /// - Throws: `JSONFault` with the line and column.
  public init(json5 data: Data) throws { self = try JSON5Reader.value(of: data) }

  /// Reads a file of JSON5.
  ///
  /// - Parameter url: the file.
  /// - Throws: `FileError` that names the file, and the line and column of a fault.
  public init(json5File url: URL) throws {
    let data = try Data(file: url, limit: Data.documentLimit)
    do {
      self = try JSON5Reader.value(of: data)
    } catch let fault as JSONFault {
      throw FileError.malformed(url, reason: "it is not JSON: \(fault)")
    }
  }

  /// Represents a value as JSON.
  public init(encoding value: some Encodable) throws {
    self = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value))
  }

  /// Decodes a value of a type.
  ///
  /// - Parameters:
  ///   - type: the type.
  ///   - prepare: changes the decoder before it decodes, such as its `userInfo`.
  /// - Returns: the value.
  /// - Throws: `DecodingError`, or the error of the type.
  public func decoded<Value: Decodable>(
    as type: Value.Type, _ prepare: (JSONDecoder) -> Void = { _ in }
  ) throws -> Value {
    let decoder = JSONDecoder()
    prepare(decoder)
    return try decoder.decode(Value.self, from: JSONEncoder().encode(self))
  }

  /// The members, if this is an object; otherwise nil.
  public var members: [String: JSONValue]? {
    if case .object(let members) = self { members } else { nil }
  }

  /// The value of a number; otherwise nil.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// Each value that is not an object, by its dotted name.
  public var leaves: [String: JSONValue] {
    guard let members else { return ["": self] }
    return members.reduce(into: [:]) { found, member in
      for (name, value) in member.value.leaves {
        found[name.isEmpty ? member.key : "\(member.key).\(name)"] = value
      }
    }
  }

  /// A string without change, or any other value as JSON.
  public var text: String {
    if case .string(let text) = self { return text }
    return (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// An integer.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
}

/// Describes the error of a JSON reader or decoder, with its place, in one line.
public func explanation(of error: any Error) -> String {
  func place(_ context: DecodingError.Context) -> String {
    let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
    return path.isEmpty ? "" : " in \(path.joined(separator: "."))"
  }
  switch error as? DecodingError {
  case .keyNotFound(let key, let context): return "\"\(key.stringValue)\" is missing\(place(context))"
  case .typeMismatch(_, let context), .valueNotFound(_, let context):
    return "\(context.debugDescription)\(place(context))"
  case .dataCorrupted(let context):
    let detail = (context.underlyingError as NSError?)?.userInfo[NSDebugDescriptionErrorKey] as? String
    return "\(detail ?? context.debugDescription)\(place(context))"
  default: return "\(error)"
  }
}
