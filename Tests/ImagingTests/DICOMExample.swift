import Foundation
import Imaging
import TestSupport

/// A small DICOM image that a test makes: explicit VR little endian, RGB, without compression.
struct DICOMExample {
  /// Values of the patient and study, none of which may be in a message.
  static let secrets = ["Undisclosed", "ID-4711", "19560708", "ACC-0815"]
  static let endoscopic = "1.2.840.10008.5.1.4.1.1.77.1.1"
  static let trueColour = "1.2.840.10008.5.1.4.1.1.7.4"

  private static let long: Set<String> = ["OB", "OW", "SQ", "UN", "UT"]
  let (width, height, frames): (Int, Int, Int)
  let pixels: [UInt8]
  private(set) var elements: [UInt32: (kind: String, value: Data)] = [:]

  /// Makes an image; `number` gives its UIDs, and images of the same `series` belong together.
  init(
    width: Int = 13, height: Int = 9, frames: Int = 1, sopClass: String = endoscopic, number: Int = 1,
    series: Int? = nil
  ) {
    (self.width, self.height, self.frames) = (width, height, frames)
    var generator = SplitMix(seed: UInt64(number))
    pixels = (0..<width * height * 3 * frames).map { _ in UInt8.random(in: 0...255, using: &generator) }
    set(0x0008_0008, "CS", "ORIGINAL\\PRIMARY")
    set(0x0008_0016, "UI", sopClass)
    set(0x0008_0018, "UI", "2.25.\(1000 + number).3")
    set(0x0008_0020, "DA", "20240102")
    set(0x0008_0030, "TM", "101112")
    set(0x0008_0050, "SH", Self.secrets[3])
    set(0x0008_0060, "CS", "ES")
    set(0x0008_0090, "PN", "")
    set(0x0010_0010, "PN", Self.secrets[0] + "^Patient")
    set(0x0010_0020, "LO", Self.secrets[1])
    set(0x0010_0030, "DA", Self.secrets[2])
    set(0x0010_0040, "CS", "O")
    set(0x0020_000D, "UI", "2.25.\(1000 + (series ?? number)).1")
    set(0x0020_000E, "UI", "2.25.\(1000 + (series ?? number)).2")
    set(0x0020_0010, "SH", "7")
    set(0x0020_0011, "IS", "4")
    set(0x0020_0013, "IS", "\(number)")
    set(0x0028_0002, 3)
    set(0x0028_0004, "CS", "RGB")
    set(0x0028_0006, 0)
    if frames > 1 || sopClass == Self.trueColour { set(0x0028_0008, "IS", "\(frames)") }
    for (tag, value) in [(0x10, height), (0x11, width), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)] {
      set(0x0028_0000 + UInt32(tag), UInt16(value))
    }
    elements[0x7FE0_0010] = ("OB", Data(pixels))
  }

  /// Sets a text.
  mutating func set(_ tag: UInt32, _ kind: String, _ text: String) { elements[tag] = (kind, Data(text.utf8)) }

  /// Sets a number of 16 bits.
  mutating func set(_ tag: UInt32, _ number: UInt16) {
    elements[tag] = ("US", Data([UInt8(number & 255), UInt8(number >> 8)]))
  }

  /// Sets bytes.
  mutating func set(_ tag: UInt32, _ kind: String, _ bytes: [UInt8]) { elements[tag] = (kind, Data(bytes)) }

  /// Leaves attributes out.
  mutating func remove(_ tags: UInt32...) { for tag in tags { elements[tag] = nil } }

  /// A frame, from 1, as an image.
  func picture(_ frame: Int) throws -> Image {
    let size = width * height * 3
    return try Image(
      width: width, height: height, channels: 3, pixels: Array(pixels[(frame - 1) * size..<frame * size]))
  }

  /// Writes the file.
  func write(to url: URL) throws {
    func text(_ tag: UInt32) -> Data { elements[tag]?.value ?? Data() }
    let meta =
      Self.encoded(0x0002_0001, "OB", Data([0, 1])) + Self.encoded(0x0002_0002, "UI", text(0x0008_0016))
      + Self.encoded(0x0002_0003, "UI", text(0x0008_0018))
      + Self.encoded(0x0002_0010, "UI", Data("1.2.840.10008.1.2.1".utf8))
    var data = Data(count: 128) + Data("DICM".utf8)
    data += Self.encoded(0x0002_0000, "UL", Self.little(UInt32(meta.count))) + meta
    for (tag, element) in elements.sorted(by: { $0.key < $1.key }) {
      data += Self.encoded(tag, element.kind, element.value)
    }
    try data.write(to: url)
  }

  /// Reads the elements of a file on its highest level; values without the filling at their end.
  static func read(_ url: URL) throws -> [UInt32: Data] {
    let data = [UInt8](try Data(contentsOf: url))
    func number(_ at: Int, _ bytes: Int) -> Int {
      (0..<bytes).reduce(0) { $0 | Int(data[at + $1]) << (8 * $1) }
    }
    var found: [UInt32: Data] = [:]
    var at = 132
    while at + 8 <= data.count {
      let tag = UInt32(number(at, 2)) << 16 | UInt32(number(at + 2, 2))
      let kind = String(decoding: data[at + 4..<at + 6], as: UTF8.self)
      let isLong = long.contains(kind)
      let length = isLong ? number(at + 8, 4) : number(at + 6, 2)
      let start = at + (isLong ? 12 : 8)
      found[tag] = Data(data[start..<min(data.count, start + length)])
      at = start + length
    }
    return found
  }

  /// Reads a text of a file on its highest level; nil if the attribute is missing.
  static func text(_ elements: [UInt32: Data], _ tag: UInt32) -> String? {
    elements[tag].map {
      String(decoding: $0, as: UTF8.self).trimmingCharacters(in: CharacterSet(charactersIn: " \0"))
    }
  }

  private static func little(_ number: UInt32) -> Data {
    Data((0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
  }

  private static func encoded(_ tag: UInt32, _ kind: String, _ value: Data) -> Data {
    var value = value
    if value.count % 2 != 0 { value.append(kind == "UI" || kind == "OB" ? 0 : 32) }
    var data = Data([tag >> 16, tag >> 24, tag, tag >> 8].map { UInt8(truncatingIfNeeded: $0) })
    data += Data(kind.utf8)
    if long.contains(kind) {
      data += Data([0, 0]) + little(UInt32(value.count))
    } else {
      data += little(UInt32(value.count)).prefix(2)
    }
    return data + value
  }
}
