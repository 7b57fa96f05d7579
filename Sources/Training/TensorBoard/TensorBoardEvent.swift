import Foundation

/// One event of a TensorBoard file, as bytes of the protocol buffer `tensorflow.Event`.
struct TensorBoardEvent {
  /// The content of an event.
  enum Content {
    /// The version of the format; every file begins with it.
    case version
    /// Numbers by tag; tags with a common prefix before `/` share a section.
    case scalars([(tag: String, value: Double)])
    /// Markdown.
    case text(tag: String, String)
  }

  /// The time of the event, seconds since 1970.
  var time: Double
  /// The position on the horizontal axis.
  var step: Int
  /// The content.
  var content: Content

  /// The bytes, with fields in the order of their numbers, as protobuf writes them.
  var bytes: Data {
    var event = ProtobufMessage()
    event.append(1, time)
    if step != 0 { event.append(2, varint: UInt64(step)) }
    switch content {
    case .version: event.append(3, "brain.Event:2")
    case .scalars(let values):
      event.append(5) { summary in
        for (tag, value) in values {
          summary.append(1) {
            $0.append(1, tag)
            // This is the plain form, which TensorBoard converts for its scalars plugin.
            $0.append(2, Float(value))
          }
        }
      }
    case .text(let tag, let text):
      event.append(5) { summary in
        summary.append(1) { value in
          value.append(1, tag)
          value.append(8) { tensor in
            tensor.append(1, varint: 7)  // DT_STRING
            tensor.append(2) { _ in }  // no dimensions
            tensor.append(8, text)
          }
          value.append(9) { metadata in metadata.append(1) { $0.append(1, "text") } }
        }
      }
    }
    return event.bytes
  }
}

/// A protocol buffer under construction.
struct ProtobufMessage {
  /// The bytes so far.
  private(set) var bytes = Data()

  /// Appends an integer.
  mutating func append(_ field: Int, varint value: UInt64) {
    key(field, kind: 0)
    append(varint: value)
  }

  /// Appends a double.
  mutating func append(_ field: Int, _ value: Double) {
    key(field, kind: 1)
    bytes += Data(littleEndian: value.bitPattern)
  }

  /// Appends a float.
  mutating func append(_ field: Int, _ value: Float) {
    key(field, kind: 5)
    bytes += Data(littleEndian: value.bitPattern)
  }

  /// Appends a text.
  mutating func append(_ field: Int, _ text: String) { append(field, Data(text.utf8)) }

  /// Appends a message within this one.
  mutating func append(_ field: Int, _ body: (inout ProtobufMessage) -> Void) {
    var inner = ProtobufMessage()
    body(&inner)
    append(field, inner.bytes)
  }

  private mutating func append(_ field: Int, _ content: Data) {
    key(field, kind: 2)
    append(varint: UInt64(content.count))
    bytes += content
  }

  private mutating func key(_ field: Int, kind: UInt64) { append(varint: UInt64(field) << 3 | kind) }

  private mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
