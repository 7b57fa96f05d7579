import Foundation

/// Reads files of one JSON document a line, such as `captions.jsonl`; empty lines are passed over.
package enum JSONLines {
  /// The values of a file, in order.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - type: what a line holds.
  ///   - expected: how a line must look, for the message.
  ///   - isUsable: what else must hold of a value.
  /// - Returns: one value a line, at least one.
  /// - Throws: `FileError`, or `FileError.malformed` that names the file and the line.
  package static func read<Value: Decodable>(
    _ url: URL, as type: Value.Type = Value.self, expected: String,
    where isUsable: (Value) -> Bool = { _ in true }
  ) throws -> [Value] {
    let decoder = JSONDecoder()
    // Only the line feed ends a line: the other separators of Unicode may stand in a JSON string.
    let lines = try Data(file: url).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let values = try lines.enumerated().compactMap { number, line -> Value? in
      guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) else { return nil }
      guard let value = try? decoder.decode(Value.self, from: Data(line)), isUsable(value) else {
        throw FileError.malformed(url, reason: "line \(number + 1) must be \(expected)")
      }
      return value
    }
    guard !values.isEmpty else {
      throw FileError.malformed(url, reason: "holds no line; each must be \(expected)")
    }
    return values
  }
}
