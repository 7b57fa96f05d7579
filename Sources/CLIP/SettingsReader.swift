import Foundation
import Storage

/// The settings of one JSON object in a file of a CLIP model.
///
/// Each setting is taken once. `finish` refuses the rest, so that no setting is ignored in silence:
/// a setting that is not understood may change the features.
struct SettingsReader {
  let file: URL
  /// The dotted name of the object in the file; empty for the whole file.
  private let place: String
  private var rest: [String: JSONValue]

  /// Reads a file that holds one JSON object.
  ///
  /// - Throws: `FileError` or `CLIPError.badFile` that names the file.
  init(_ file: URL) throws {
    guard let members = try JSONValue(json5File: file).members else {
      throw CLIPError.badFile(file, reason: "it must hold one JSON object; fetch it again")
    }
    self.init(file: file, place: "", members: members)
  }

  init(file: URL, place: String, members: [String: JSONValue]) {
    (self.file, self.place, rest) = (file, place, members)
  }

  /// The dotted name of a setting.
  func name(_ key: String) -> String { place.isEmpty ? key : "\(place).\(key)" }

  /// The error of a setting: its name, its value and the supported ones.
  func refusal(_ key: String, _ value: JSONValue, _ wanted: String) -> CLIPError {
    .badSetting(file, key: name(key), value: Self.shown(value), wanted: wanted)
  }

  /// The names of the settings that were not taken, in order.
  var keys: [String] { rest.keys.sorted() }

  /// Returns a value without taking it.
  func peek(_ key: String) -> JSONValue? { rest[key] }

  /// Takes a value; nil if it is missing.
  mutating func take(_ key: String) -> JSONValue? { rest.removeValue(forKey: key) }

  /// Takes a whole number.
  mutating func integer(_ key: String, in range: ClosedRange<Int> = 0...Int.max) throws -> Int? {
    guard let value = take(key) else { return nil }
    guard case .integer(let number) = value, range.contains(number) else {
      let end = range.upperBound == .max ? "" : " and at most \(range.upperBound)"
      throw refusal(key, value, "it must be a whole number, at least \(range.lowerBound)\(end)")
    }
    return number
  }

  /// Takes a list of whole numbers; null counts as none.
  mutating func integers(_ key: String) throws -> [Int]? {
    guard let value = take(key), value != .null else { return nil }
    guard case .array(let items) = value else {
      throw refusal(key, value, "it must be a list of whole numbers")
    }
    return try items.map { item in
      guard case .integer(let number) = item else {
        throw refusal(key, value, "it must be a list of whole numbers")
      }
      return number
    }
  }

  /// Takes a number.
  mutating func number(_ key: String, in range: ClosedRange<Double>) throws -> Double? {
    guard let value = take(key) else { return nil }
    let wanted = "it must be a number from \(range.lowerBound) to \(range.upperBound)"
    guard let number = value.double, range.contains(number) else { throw refusal(key, value, wanted) }
    return number
  }

  /// Takes true or false.
  mutating func flag(_ key: String) throws -> Bool? {
    guard let value = take(key) else { return nil }
    guard case .bool(let flag) = value else { throw refusal(key, value, "it must be true or false") }
    return flag
  }

  /// Takes a text.
  mutating func text(_ key: String) throws -> String? {
    guard let value = take(key) else { return nil }
    guard case .string(let text) = value else { throw refusal(key, value, "it must be a text") }
    return text
  }

  /// Takes one of some texts.
  mutating func choice(_ key: String, _ names: [String]) throws -> String? {
    guard let value = take(key) else { return nil }
    guard case .string(let name) = value, names.contains(name) else {
      throw refusal(key, value, "supported: \(names.joined(separator: ", "))")
    }
    return name
  }

  /// Takes an object.
  mutating func object(_ key: String) throws -> SettingsReader? {
    guard let value = take(key) else { return nil }
    guard let members = value.members else { throw refusal(key, value, "it must be an object") }
    return SettingsReader(file: file, place: name(key), members: members)
  }

  /// Takes an object; null counts as none.
  mutating func settings(_ key: String) throws -> SettingsReader? {
    if peek(key) == .null { _ = take(key) }
    return try object(key)
  }

  /// Takes settings for which only some values are supported; null counts as one of them.
  ///
  /// - Throws: `CLIPError.badSetting` that names the first other value.
  mutating func expect(_ values: [String: [JSONValue]]) throws {
    for (key, supported) in values.sorted(by: { $0.key < $1.key }) {
      guard let value = take(key), value != .null, !supported.contains(value) else { continue }
      let shown = supported.map(Self.shown)
      throw refusal(
        key, value, shown.isEmpty ? "it is not supported" : "supported: \(shown.joined(separator: ", "))")
    }
  }

  /// Takes all settings that are null, which stands for a default.
  mutating func dropNulls() { rest = rest.filter { $0.value != .null } }

  /// Takes settings that no feature depends on, whatever their values.
  mutating func ignore(_ keys: Set<String>) { rest = rest.filter { !keys.contains($0.key) } }

  /// Ends the reading.
  ///
  /// - Throws: `CLIPError.unknownSetting` for the first setting that was not taken.
  func finish() throws {
    guard let (key, value) = rest.min(by: { $0.key < $1.key }) else { return }
    throw CLIPError.unknownSetting(file, key: name(key), value: Self.shown(value))
  }

  /// Writes a value for a message, shortened.
  private static func shown(_ value: JSONValue) -> String {
    let text = if case .string(let text) = value { "\"\(text)\"" } else { value.text }
    return text.count > 60 ? text.prefix(60) + "…" : text
  }
}

extension JSONValue {
  /// The number, if this is one.
  var double: Double? {
    switch self {
    case .integer(let number): Double(number)
    case .number(let number): number
    default: nil
    }
  }
}
