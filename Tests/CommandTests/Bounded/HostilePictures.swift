import Foundation

/// Pictures that are small as files and ask for much memory or time.
enum HostilePictures {
  /// A PNG of zeros.
  ///
  /// - Parameters:
  ///   - width: its width.
  ///   - height: its height.
  ///   - depth: bits a sample.
  ///   - colour: the colour type of the format: 0 grey, 2 RGB, 6 RGB and alpha.
  ///   - bytes: the number of decoded bytes that the file holds.
  ///   - extra: chunks before the samples.
  /// - Returns: the file.
  static func png(
    width: Int, height: Int, depth: UInt8 = 8, colour: UInt8 = 0, bytes: Int, extra: Data = Data()
  ) -> Data {
    let header = big32(width) + big32(height) + Data([depth, colour, 0, 0, 0])
    return Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) + chunk("IHDR", header) + extra
      + chunk("IDAT", zeros(bytes)) + chunk("IEND", Data())
  }

  /// A chunk of a PNG.
  static func chunk(_ name: String, _ content: Data) -> Data {
    let body = Data(name.utf8) + content
    return big32(content.count) + body + big32(Int(checksum(body)))
  }

  /// A zlib stream of zeros: one literal, then runs of 258 by fixed codes, 8 runs in 13 bytes.
  static func zeros(_ count: Int) -> Data {
    var bits = BitWriter(bytes: [0x78, 0x01])
    bits.append(code: 0b011, length: 3)
    bits.append(code: 0b0000_1100, length: 8)
    let runs = (count - 1) / 258
    // 11000101 for a length of 258, 00000 for a distance of 1.
    func run() { bits.append(code: 0b0_0000_1010_0011, length: 13) }
    for _ in 0..<runs % 8 { run() }
    if runs >= 8 {
      for _ in 0..<8 { run() }
      let start = bits.bytes.count
      if runs >= 16 {
        for _ in 0..<8 { run() }
        let block = Array(bits.bytes[start...])
        for _ in 0..<runs / 8 - 2 { bits.bytes += block }
      }
    }
    for _ in 0..<count - 1 - runs * 258 { bits.append(code: 0b0000_1100, length: 8) }
    bits.append(code: 0, length: 7)
    return Data(bits.whole) + big32((count % 65_521) << 16 | 1)
  }

  /// A progressive JPEG of grey zeros: a scan of DC, then scans that each refine one coefficient.
  static func progressive(width: Int, height: Int, scans: Int) -> Data {
    func segment(_ marker: UInt8, _ content: [UInt8]) -> Data {
      Data([0xFF, marker, UInt8((content.count + 2) >> 8), UInt8((content.count + 2) & 0xFF)] + content)
    }
    func side(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
    let blocks = ((width + 7) / 8) * ((height + 7) / 8)
    let oneCode = [UInt8(1)] + [UInt8](repeating: 0, count: 15)
    var data = Data([0xFF, 0xD8]) + segment(0xDB, [0] + [UInt8](repeating: 1, count: 64))
    data += segment(0xC2, [8] + side(height) + side(width) + [1, 1, 0x11, 0])
    // The one code of DC is a difference of 0; that of AC ends 16,384 blocks and takes 15 bits.
    data += segment(0xC4, [0x00] + oneCode + [0]) + segment(0xC4, [0x10] + oneCode + [0xE0])
    data += segment(0xDA, [1, 1, 0, 0, 0, 0]) + Data(count: blocks / 8 + 2)
    let ends = Data(count: (blocks / 16_384 + 1) * 15 / 8 + 2)
    for scan in 0..<scans - 1 {
      let (coefficient, low) = (UInt8(1 + scan / 14), UInt8(13 - scan % 14))
      let precision = low == 13 ? low : (low + 1) << 4 | low
      data += segment(0xDA, [1, 1, 0, coefficient, coefficient, precision]) + ends
    }
    return data + Data([0xFF, 0xD9])
  }

  /// An entry of a TIFF directory: tag, type (3 short, 4 long), count and value or place.
  typealias Entry = (tag: Int, type: Int, count: Int, value: Int)

  /// The entries of a TIFF of grey rows in one strip at byte 8.
  static func entries(
    width: Int, height: Int, bits: Int = 8, compression: Int = 1, rows: Int? = nil, bytes: Int
  ) -> [Entry] {
    [
      (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, compression), (262, 3, 1, 1),
      (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, rows ?? height), (279, 4, 1, bytes),
    ]
  }

  /// A TIFF whose data stand at byte 8, followed by directories with the same entries.
  static func tiff(_ entries: [Entry], _ content: Data, directories: Int = 1, isRing: Bool = false) -> Data {
    let first = 8 + content.count
    let size = 2 + 12 * entries.count + 4
    let body = entries.reduce(little16(entries.count)) { data, entry in
      data + little16(entry.tag) + little16(entry.type) + little32(entry.count) + little32(entry.value)
    }
    var data = Data("II*\0".utf8) + little32(first) + content
    for index in 0..<directories {
      let isLast = index == directories - 1
      data += body + little32(isLast ? (isRing ? first : 0) : first + size * (index + 1))
    }
    return data
  }

  /// A BMP with a header of its own choice.
  static func bmp(width: Int, height: Int, bits: Int, _ content: Data) -> Data {
    Data("BM".utf8) + little32(54 + content.count) + little32(0) + little32(54) + little32(40)
      + little32(width) + little32(height) + little16(1) + little16(bits) + little32(0)
      + little32(content.count) + Data(count: 16) + content
  }

  private static func big32(_ value: Int) -> Data {
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: value).bigEndian) { Data($0) }
  }

  private static func little32(_ value: Int) -> Data {
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: value).littleEndian) { Data($0) }
  }

  private static func little16(_ value: Int) -> Data {
    withUnsafeBytes(of: UInt16(truncatingIfNeeded: value).littleEndian) { Data($0) }
  }

  private static let table: [UInt32] = (0..<256).map { start in
    (0..<8).reduce(UInt32(start)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
  }

  /// The CRC-32 of a PNG chunk.
  private static func checksum(_ data: Data) -> UInt32 {
    var value = UInt32.max
    let table = Self.table
    data.withUnsafeBytes { bytes in
      for byte in bytes { value = table[Int((value ^ UInt32(byte)) & 0xFF)] ^ value >> 8 }
    }
    return ~value
  }
}

/// Writes bits, the lowest of a byte first.
private struct BitWriter {
  var bytes: [UInt8]
  private var rest: UInt32 = 0
  private var count: UInt32 = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Appends the low bits of a code, lowest first.
  mutating func append(code: UInt32, length: UInt32) {
    rest |= code << count
    count += length
    while count >= 8 {
      bytes.append(UInt8(rest & 0xFF))
      rest >>= 8
      count -= 8
    }
  }

  /// All bytes, the last filled up with zeros.
  var whole: [UInt8] { count > 0 ? bytes + [UInt8(rest & 0xFF)] : bytes }
}
