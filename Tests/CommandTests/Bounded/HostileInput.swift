import Foundation
import Testing

/// A file, or a folder of files, that asks for much memory or time.
struct HostileInput: Sendable, CustomTestStringConvertible {
  /// The row of the table in docs/reference/limits.md.
  let row: String
  /// A part of the message that the command must end with; nil if it must do its work.
  let refused: String?
  /// The maximum address space, in MiB.
  let memory: Int
  /// The maximum computing time, in seconds, of a debug build.
  let seconds: Int
  /// Writes the input into an empty folder; returns the words of a command that reads it.
  let prepare: @Sendable (URL) throws -> [String]

  var testDescription: String { row }

  /// A row.
  ///
  /// A command without input needs 900 MiB of address space.
  init(
    _ row: String, refused: String? = nil, memory: Int = 1200, seconds: Int = 20,
    prepare: @escaping @Sendable (URL) throws -> [String]
  ) {
    (self.row, self.refused, self.memory, self.seconds, self.prepare) = (
      row, refused, memory, seconds, prepare
    )
  }

  /// A program to measure, such as the optimised one.
  static var measured: String? { ProcessInfo.processInfo.environment["MCDRL_BOUNDED"] }

  /// All rows; a debug build takes minutes for the largest pictures.
  static var all: [HostileInput] {
    pictures + (measured == nil ? [] : largest) + documents + folders + annotations
  }

  /// A row of a picture that a CLIP embeds.
  static func picture(
    _ row: String, _ ending: String, refused: String? = nil, memory: Int = 1200, seconds: Int = 20,
    _ content: @escaping @Sendable () throws -> Data
  ) -> HostileInput {
    HostileInput(row, refused: refused, memory: memory, seconds: seconds) { folder in
      let file = folder.appendingPathComponent("x.\(ending)")
      try content().write(to: file)
      return embedding(file, "tiny", folder)
    }
  }

  static func embedding(_ file: URL, _ clip: String, _ folder: URL) -> [String] {
    [
      "clip", "embed", clip, "--images", file.path, "--out",
      folder.appendingPathComponent("features.safetensors").path, "--threads", "1",
    ]
  }

  /// A copy of the CLIP tiny in which one file has another content.
  static func clip(_ folder: URL, _ file: String, _ content: Data) throws -> URL {
    let copy = folder.appendingPathComponent("clip")
    try FileManager.default.copyItem(at: Program.root.appendingPathComponent("Models/tiny"), to: copy)
    let place = copy.appendingPathComponent(file)
    try? FileManager.default.removeItem(at: place)
    try content.write(to: place)
    return copy
  }

  /// The text of a file of the project.
  static func text(_ path: String) throws -> String {
    try String(contentsOf: Program.root.appendingPathComponent(path), encoding: .utf8)
  }

  /// A text any number of times.
  static func repeated(_ text: String, _ count: Int) -> Data {
    let once = Data(text.utf8)
    let block = (0..<min(count, 1000)).reduce(into: Data()) { data, _ in data += once }
    var data = (0..<count / 1000).reduce(into: Data(capacity: once.count * count)) { data, _ in data += block
    }
    data += block.prefix(count % 1000 * once.count)
    return data
  }

  /// The header of a safetensors file, with its size, and some bytes of tensors.
  static func safetensors(_ header: Data, size: UInt64? = nil, tensors: Int = 0) -> Data {
    withUnsafeBytes(of: (size ?? UInt64(header.count)).littleEndian) { Data($0) } + header
      + Data(count: tensors)
  }
}
