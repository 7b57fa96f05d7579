import Foundation

/// A reader of one message in the wire format of protocol buffers.
///
/// No length in a file leads outside it: every read is checked against the end of the message.
struct WireReader {
  /// A field's value by its wire type.
  enum Value {
    case number(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  /// The bytes that are not read yet; their indices are those of the file.
  private var rest: ArraySlice<UInt8>
  private let file: URL

  init(_ bytes: ArraySlice<UInt8>, _ file: URL) { (rest, self.file) = (bytes, file) }

  /// Reads a field; nil at the end of the message.
  ///
  /// - Throws: `CLIPError.badFile` with the place of the damage.
  mutating func next() throws -> (field: Int, value: Value)? {
    guard !rest.isEmpty else { return nil }
    let start = rest.startIndex
    let tag = try number()
    let field = Int(truncatingIfNeeded: tag >> 3)
    guard (1...(1 << 29) - 1).contains(field) else {
      throw damage(start, "a field has the number \(tag >> 3)")
    }
    switch tag & 7 {
    case 0: return (field, .number(try number()))
    case 1: return (field, .fixed64(try fixed(8)))
    case 2:
      let length = try number()
      guard length <= UInt64(rest.count) else {
        throw damage(start, "field \(field) has \(length) bytes, and \(rest.count) are left")
      }
      defer { rest = rest.dropFirst(Int(length)) }
      return (field, .bytes(rest.prefix(Int(length))))
    case 5: return (field, .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
    default: throw damage(start, "field \(field) has the wire type \(tag & 7)")
    }
  }

  /// Reads a number of up to ten bytes, seven bits each, the lowest first.
  private mutating func number() throws -> UInt64 {
    let start = rest.startIndex
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { throw damage(start, "the file ends inside a number") }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw damage(start, "a number has more than ten bytes")
  }

  private mutating func fixed(_ count: Int) throws -> UInt64 {
    guard rest.count >= count else { throw damage(rest.startIndex, "the file ends inside a number") }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private func damage(_ place: Int, _ reason: String) -> CLIPError {
    .badFile(file, reason: "it is damaged at byte \(place): \(reason); fetch it again")
  }
}
