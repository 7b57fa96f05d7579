import Foundation

/// A small DICOM file: Secondary Capture of 24×16 grey pixels, explicit VR little endian.
enum SmallDICOM {
  /// Makes a file.
  ///
  /// - Parameters:
  ///   - frames: the frames that it holds.
  ///   - stated: the number of frames that it states; nil for the true one.
  /// - Returns: the content.
  static func data(frames: Int, stated: Int? = nil) -> Data {
    let (width, height) = (24, 16)
    let kind = "1.2.840.10008.5.1.4.1.1.7" + (frames > 1 || stated != nil ? ".2" : "")
    let meta =
      element(2, 1, "OB", Data([0, 1])) + element(2, 2, "UI", kind) + element(2, 3, "UI", "1.2.3.\(frames)")
      + element(2, 0x10, "UI", "1.2.840.10008.1.2.1") + element(2, 0x12, "UI", "1.2.3.4")
    let pixels = Data((0..<frames * width * height).map { UInt8(40 + $0 * 7 % 180) })
    var set = element(8, 0x16, "UI", kind) + element(8, 0x18, "UI", "1.2.3.\(frames)")
    set += element(8, 0x20, "DA", "") + element(8, 0x30, "TM", "") + element(8, 0x50, "SH", "")
    set += element(8, 0x60, "CS", "OT") + element(8, 0x64, "CS", "WSD") + element(8, 0x90, "PN", "")
    set += element(0x10, 0x10, "PN", "SECRET^NAME") + element(0x10, 0x20, "LO", "SECRET-1")
    set += element(0x10, 0x30, "DA", "") + element(0x10, 0x40, "CS", "")
    set += element(0x20, 0xD, "UI", "1.2.3.5") + element(0x20, 0xE, "UI", "1.2.3.6.\(frames)")
    set += element(0x20, 0x10, "SH", "") + element(0x20, 0x11, "IS", "1") + element(0x20, 0x13, "IS", "1")
    set += element(0x28, 2, "US", word(1)) + element(0x28, 4, "CS", "MONOCHROME2")
    if frames > 1 || stated != nil { set += element(0x28, 8, "IS", "\(stated ?? frames)") }
    set += element(0x28, 0x10, "US", word(height)) + element(0x28, 0x11, "US", word(width))
    set += element(0x28, 0x100, "US", word(8)) + element(0x28, 0x101, "US", word(8))
    set += element(0x28, 0x102, "US", word(7)) + element(0x28, 0x103, "US", word(0))
    set += element(0x7FE0, 0x10, "OB", pixels)
    let length = element(2, 0, "UL", word(meta.count) + word(0))
    return Data(count: 128) + Data("DICM".utf8) + length + meta + set
  }

  private static func word(_ value: Int) -> Data { Data([UInt8(value & 0xFF), UInt8(value >> 8 & 0xFF)]) }

  private static func element(_ group: Int, _ number: Int, _ kind: String, _ text: String) -> Data {
    let padding: UInt8 = kind == "UI" ? 0 : 0x20
    let value = Data(text.utf8)
    return element(group, number, kind, value.count % 2 == 0 ? value : value + Data([padding]))
  }

  private static func element(_ group: Int, _ number: Int, _ kind: String, _ value: Data) -> Data {
    let head = word(group) + word(number) + Data(kind.utf8)
    guard kind == "OB" else { return head + word(value.count) + value }
    return head + word(0) + word(value.count) + word(value.count >> 16) + value
  }
}
