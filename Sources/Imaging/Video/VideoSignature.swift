import Foundation

/// The first bytes of the containers of video.
enum VideoSignature {
  /// The number of bytes that decide.
  static let length = 1024

  /// Brands of ISO files that hold pictures or sound and no video.
  private static let otherBrands: Set<String> = [
    "heic", "heix", "heim", "heis", "mif1", "avif", "crx ", "jxl ", "M4A ", "M4B ", "M4P ",
  ]

  /// Returns whether a file that begins with these bytes is a video.
  static func matches(_ bytes: [UInt8]) -> Bool {
    isQuickTime(bytes) || isTransportStream(bytes) || isElementaryStream(bytes) || isOther(bytes)
  }

  private static func text(_ bytes: [UInt8], _ range: Range<Int>) -> String {
    bytes.count < range.upperBound ? "" : String(decoding: bytes[range], as: UTF8.self)
  }

  /// MP4, MOV and 3GP: boxes with a size and a name.
  private static func isQuickTime(_ bytes: [UInt8]) -> Bool {
    switch text(bytes, 4..<8) {
    case "ftyp": !otherBrands.contains(text(bytes, 8..<12))
    case "moov", "mdat", "wide", "skip", "free", "pnot": true
    default: false
    }
  }

  /// MPEG transport streams: packets of 188 bytes, or of 192 with a time before each.
  private static func isTransportStream(_ bytes: [UInt8]) -> Bool {
    for (first, step) in [(0, 188), (4, 192)] {
      let places = stride(from: first, to: bytes.count, by: step)
      if bytes.count > first + 2 * step, places.allSatisfy({ bytes[$0] == 0x47 }) { return true }
    }
    return false
  }

  /// MPEG-2 (program or elementary stream), and H.264 and H.265 in Annex B form.
  private static func isElementaryStream(_ bytes: [UInt8]) -> Bool {
    // A start code may have one more zero.
    let zeros = bytes.starts(with: [0, 0, 0, 1]) ? 3 : bytes.starts(with: [0, 0, 1]) ? 2 : 0
    guard zeros > 0, bytes.count > zeros + 2 else { return false }
    return switch (bytes[zeros + 1], bytes[zeros + 2]) {
    case (0xBA, _), (0xB3, _): zeros == 2
    // H.264: a sequence parameter set or a delimiter.
    case (0x67, _), (0x47, _), (0x27, _), (0x09, _): true
    // H.265: a video or sequence parameter set or a delimiter.
    case (0x40, 1), (0x42, 1), (0x46, 1): true
    default: false
    }
  }

  private static func isOther(_ bytes: [UInt8]) -> Bool {
    let signatures: [[UInt8]] = [
      [0x1A, 0x45, 0xDF, 0xA3],  // Matroska, WebM
      [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11],  // ASF
      [0x06, 0x0E, 0x2B, 0x34, 0x02, 0x05, 0x01, 0x01],  // MXF
      Array("FLV\u{1}".utf8), Array("DKIF".utf8), Array("nut/multimedia".utf8),
    ]
    if signatures.contains(where: { bytes.starts(with: $0) }) { return true }
    if text(bytes, 0..<4) == "RIFF" { return text(bytes, 8..<12) == "AVI " }
    // Ogg holds sound, too.
    return text(bytes, 0..<4) == "OggS" && text(bytes, 29..<35) == "theora"
  }
}
