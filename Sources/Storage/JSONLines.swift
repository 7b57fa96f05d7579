import Foundation

/// Reads files with one JSON document per line, such as `captions.jsonl`; skips empty lines.
package enum JSONLines {
  /// Reads the values of a file, in order.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - type: the type of the value of a line.
  ///   - expected: the valid form of a line, for the message.
  ///   - isUsable: a further condition on a value.
  /// - Returns: one value per line, at least one.
  /// - Throws: `FileError`, or `FileError.malformed` that names the file and the line.
  package static func read<Value: Decodable>(
    _ url: URL, as type: Value.Type = Value.self, expected: String,
    where isUsable: (Value) -> Bool = { _ in true }
  ) throws -> [Value] {
    let decoder = JSONDecoder()
    // Only the line feed ends a line: JSON strings may contain the other separators of Unicode.
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
