/// The header of a Windows bitmap.
struct BitmapHeader {
  let width: Int
  let height: Int
  let isTopDown: Bool
  let bits: Int
  let compression: Int
  /// The offset of the first row.
  let pixelOffset: Int
  /// The offset of the palette, its number of colours and the bytes per colour.
  let palette: (offset: Int, count: Int, stride: Int)
  /// The bits of a pixel that hold red, green and blue, for 16 and 32 bits.
  let masks: [Int]

  /// Reads the header; nil if it is cut short or invalid.
  init?(_ source: some ByteSource) {
    func number(_ offset: Int, _ bytes: Int) -> Int? { source.integer(at: offset, bytes: bytes, .little) }
    guard let pixelOffset = number(10, 4), let size = number(14, 4) else { return nil }
    self.pixelOffset = pixelOffset
    if size == 12 {
      guard let width = number(18, 2), let height = number(20, 2), let bits = number(24, 2) else {
        return nil
      }
      self.width = width
      self.height = height
      self.bits = bits
      isTopDown = false
      compression = 0
      palette = (26, 1 << min(bits, 8), 3)
      masks = Self.defaultMasks(bits: bits)
      return
    }
    guard size >= 40, size <= 1024, let rawWidth = number(18, 4), let rawHeight = number(22, 4),
      let bits = number(28, 2), let compression = number(30, 4), let used = number(46, 4)
    else { return nil }
    let (signedWidth, signedHeight) = (
      Int(Int32(truncatingIfNeeded: rawWidth)), Int(Int32(truncatingIfNeeded: rawHeight))
    )
    guard signedWidth > 0, signedHeight != 0 else { return nil }
    width = signedWidth
    height = abs(signedHeight)
    isTopDown = signedHeight < 0
    self.bits = bits
    self.compression = compression
    let extra = size == 40 && compression == 3 ? 12 : 0
    let most = 1 << min(bits, 8)
    palette = (14 + size + extra, used == 0 ? most : min(used, most), 4)
    if compression == 3 {
      guard let red = number(54, 4), let green = number(58, 4), let blue = number(62, 4) else { return nil }
      masks = [red, green, blue]
    } else {
      masks = Self.defaultMasks(bits: bits)
    }
  }

  private static func defaultMasks(bits: Int) -> [Int] {
    bits == 16 ? [0x7C00, 0x03E0, 0x001F] : [0xFF0000, 0x00FF00, 0x0000FF]
  }
}

/// Decodes Windows bitmaps of 1, 4, 8, 16, 24 and 32 bits per pixel.
///
/// It ignores alpha, because most writers leave it 0.
struct BitmapReader {
  let file: String
  let content: [UInt8]
  let header: BitmapHeader

  init(_ content: [UInt8], file: String) throws {
    guard let header = BitmapHeader(MemoryBytes(content: content)) else {
      throw ImagingError.damaged(file: file, format: .bmp, reason: "its header cannot be read")
    }
    self.file = file
    self.content = content
    self.header = header
    guard header.compression == 0 || (header.compression == 3 && [16, 32].contains(header.bits)) else {
      throw ImagingError.unsupported(
        file: file, format: .bmp,
        reason: "compression \(header.compression); only uncompressed pixels are read")
    }
    guard [1, 4, 8, 16, 24, 32].contains(header.bits) else {
      throw ImagingError.unsupported(file: file, format: .bmp, reason: "\(header.bits) bits a pixel")
    }
  }

  /// Decodes to RGB, or to palette indices if the file has a palette and `indices` is true.
  func decode(indices: Bool) throws -> Image {
    let stride = (header.width * header.bits + 31) / 32 * 4
    // Each side is below 2³¹ and bits are at most 32, so no product here overflows.
    let (bytes, overflow) = stride.multipliedReportingOverflow(by: header.height)
    guard !overflow, header.pixelOffset <= content.count, bytes <= content.count - header.pixelOffset else {
      throw damaged("the file ends before its last row")
    }
    return header.bits <= 8
      ? try decodePalette(stride: stride, indices: indices) : try decodeColours(stride: stride)
  }

  private func damaged(_ reason: String) -> ImagingError {
    .damaged(file: file, format: .bmp, reason: reason)
  }

  /// Returns the offset of a row of the upright image.
  private func rowStart(_ y: Int, stride: Int) -> Int {
    header.pixelOffset + (header.isTopDown ? y : header.height - 1 - y) * stride
  }

  private func decodePalette(stride: Int, indices: Bool) throws -> Image {
    let (width, height, bits) = (header.width, header.height, header.bits)
    let palette = header.palette
    guard
      let table = MemoryBytes(content: content).bytes(
        at: palette.offset, count: palette.count * palette.stride)
    else { throw damaged("its palette is cut short") }
    let channels = indices ? 1 : 3
    let count = width * height * channels
    let pixels = try [UInt8](unsafeUninitializedCapacity: count) { target, used in
      try content.withUnsafeBufferPointer { source in
        var out = 0
        for y in 0..<height {
          let row = rowStart(y, stride: stride)
          for x in 0..<width {
            let bit = x * bits
            let index = Int(source[row + bit >> 3]) >> (8 - bits - bit & 7) & ((1 << bits) - 1)
            guard index < palette.count else { throw damaged("a colour that its palette does not have") }
            if indices {
              target[out] = UInt8(index)
            } else {
              for c in 0..<3 { target[out + c] = table[index * palette.stride + 2 - c] }
            }
            out += channels
          }
        }
      }
      used = count
    }
    return Image(checkedWidth: width, height: height, channels: channels, pixels: pixels)
  }

  private func decodeColours(stride: Int) throws -> Image {
    let (width, height, size) = (header.width, header.height, header.bits / 8)
    let shifts = header.masks.map { $0 == 0 ? 0 : $0.trailingZeroBitCount }
    let tops = zip(header.masks, shifts).map { $0 >> $1 }
    // A mask with holes does not hold the bits of a number.
    guard tops.allSatisfy({ $0 & ($0 + 1) == 0 }) else { throw damaged("colour masks with holes") }
    let count = width * height * 3
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { target, used in
      content.withUnsafeBufferPointer { source in
        var out = 0
        for y in 0..<height {
          var at = rowStart(y, stride: stride)
          for _ in 0..<width {
            var value = 0
            for k in 0..<size { value |= Int(source[at + k]) << (8 * k) }
            for c in 0..<3 {
              let part = (value & header.masks[c]) >> shifts[c]
              target[out + c] = tops[c] == 0 ? 0 : UInt8(part * 255 / tops[c])
            }
            out += 3
            at += size
          }
        }
      }
      used = count
    }
    return Image(checkedWidth: width, height: height, channels: 3, pixels: pixels)
  }
}
