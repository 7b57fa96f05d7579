import Foundation

/// The record format of TensorFlow's files, which TensorBoard reads.
///
/// A record consists of the length of its content (8 bytes, little-endian), the masked checksum of
/// these 8 bytes (4), the content, and its masked checksum (4).
enum TensorBoardRecord {
  /// Returns a content as a record.
  static func framed(_ content: Data) -> Data {
    let length = Data(littleEndian: UInt64(content.count))
    return length + Data(littleEndian: masked(checksum(length))) + content
      + Data(littleEndian: masked(checksum(content)))
  }

  /// Computes CRC-32C (Castagnoli, RFC 3720 appendix B.4), reflected polynomial 0x82F63B78.
  static func checksum(_ data: Data) -> UInt32 {
    ~data.reduce(UInt32.max) { value, byte in
      table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ value >> 8
    }
  }

  /// Masks a checksum for storage, because content with checksums inside would weaken it.
  static func masked(_ checksum: UInt32) -> UInt32 {
    (checksum >> 15 | checksum << 17) &+ 0xa282_ead8
  }

  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? 0x82f6_3b78 ^ value >> 1 : value >> 1 }
  }
}

extension Data {
  init(littleEndian value: some FixedWidthInteger) {
    self = Swift.withUnsafeBytes(of: value.littleEndian) { Data($0) }
  }
}
