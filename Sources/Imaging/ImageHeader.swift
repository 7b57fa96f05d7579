/// The header of an image file: the stored sides, and the orientation.
///
/// These are small parsers of this package. So a size needs a few reads and not the whole file, and
/// EXIF is read safely.
struct ImageHeader: Equatable {
  var width: Int
  var height: Int
  var orientation: Orientation = .up
  /// The number of pages; smaller copies and transparency in pages of their own do not count.
  var pages = 1

  /// The sides of the upright image.
  var size: (width: Int, height: Int) { orientation.swapsSides ? (height, width) : (width, height) }

  /// Reads a header; nil if it is damaged.
  static func read(_ source: some ByteSource, format: ImageFormat) -> ImageHeader? {
    let header =
      switch format {
      case .jpeg: jpeg(source)
      case .png: png(source)
      case .tiff: tiff(source)
      case .bmp: BitmapHeader(source).map { ImageHeader(width: $0.width, height: $0.height) }
      }
    guard let header, header.width > 0, header.height > 0 else { return nil }
    return header
  }

  /// Reads JPEG segments up to the pixels.
  private static func jpeg(_ source: some ByteSource) -> ImageHeader? {
    var offset = 2
    var sides: (width: Int, height: Int)?
    var orientation: Orientation?
    // Real files have tens of segments. The bound prevents a byte-by-byte read of a gigabyte of
    // padding.
    for _ in 0..<262_144 {
      guard let byte = source.integer(at: offset, bytes: 1, .big) else { break }
      // Like libjpeg, this skips bytes before a marker. Any number of 0xFF may precede a marker.
      guard byte == 0xFF, let marker = source.integer(at: offset + 1, bytes: 1, .big), marker != 0xFF else {
        offset += 1
        continue
      }
      offset += 2
      if marker == 0 || marker == 0x01 || (0xD0...0xD8).contains(marker) { continue }
      if marker == 0xD9 || marker == 0xDA { break }
      guard let length = source.integer(at: offset, bytes: 2, .big), length >= 2 else { return nil }
      if (0xC0...0xCF).contains(marker), ![0xC4, 0xC8, 0xCC].contains(marker), sides == nil {
        guard let height = source.integer(at: offset + 3, bytes: 2, .big),
          let width = source.integer(at: offset + 5, bytes: 2, .big)
        else { return nil }
        sides = (width, height)
      }
      if marker == 0xE1, orientation == nil, length >= 16,
        source.bytes(at: offset + 2, count: 6) == Array("Exif\0\0".utf8)
      {
        orientation = exif(source, at: offset + 8)
      }
      offset += length
    }
    return sides.map { ImageHeader(width: $0.width, height: $0.height, orientation: orientation ?? .up) }
  }

  /// Reads the first chunk of a PNG, and searches the others for EXIF.
  private static func png(_ source: some ByteSource) -> ImageHeader? {
    guard source.bytes(at: 12, count: 4) == Array("IHDR".utf8),
      let width = source.integer(at: 16, bytes: 4, .big), let height = source.integer(at: 20, bytes: 4, .big)
    else { return nil }
    var header = ImageHeader(width: width, height: height)
    var offset = 8
    // EXIF may follow the pixels. The bound prevents millions of reads in a file of empty chunks.
    for _ in 0..<65_536 {
      guard let length = source.integer(at: offset, bytes: 4, .big),
        let kind = source.bytes(at: offset + 4, count: 4), kind != Array("IEND".utf8)
      else { break }
      if kind == Array("eXIf".utf8) {
        header.orientation = exif(source, at: offset + 8)
        break
      }
      offset += 12 + length
    }
    return header
  }

  private static func tiff(_ source: some ByteSource) -> ImageHeader? {
    guard let fields = TIFFFields(source, base: 0), let width = fields[256], let height = fields[257] else {
      return nil
    }
    var header = ImageHeader(width: width, height: height, orientation: fields.orientation)
    var next = fields.next
    // The bound ends a chain that leads back to itself.
    for _ in 0..<4096 {
      guard let page = TIFFFields(source, base: 0, directory: next), page[256] != nil else { break }
      if page.isPage { header.pages += 1 }
      next = page.next
    }
    return header
  }

  private static func exif(_ source: some ByteSource, at base: Int) -> Orientation {
    TIFFFields(source, base: base)?.orientation ?? .up
  }
}

/// A directory of a TIFF (also the form of EXIF): the fields that hold one whole number.
struct TIFFFields {
  private var values: [Int: Int] = [:]
  /// The place of the next directory; nil after the last.
  private(set) var next: Int?

  subscript(tag: Int) -> Int? { values[tag] }

  /// The orientation; upright if it is missing or out of range.
  var orientation: Orientation { self[274].flatMap(Orientation.init(rawValue:)) ?? .up }

  /// Whether the picture is a page, and not a smaller copy or the transparency of one.
  var isPage: Bool { (self[254] ?? 0) & 0b101 == 0 && self[255] != 2 }

  /// Reads the first directory of the TIFF that starts at `base`; nil if there is none.
  init?(_ source: some ByteSource, base: Int) {
    guard let start = Self.first(source, base: base) else { return nil }
    self.init(source, base: base, directory: start)
  }

  /// Returns the place of the first directory.
  private static func first(_ source: some ByteSource, base: Int) -> Int? {
    guard let (order, isBig) = form(source, base: base) else { return nil }
    return offset(source, at: base + (isBig ? 8 : 4), isBig: isBig, order)
  }

  /// Returns the order of the bytes, and whether offsets have 8 bytes.
  private static func form(_ source: some ByteSource, base: Int) -> (ByteOrder, Bool)? {
    guard let mark = source.bytes(at: base, count: 2), mark == [0x49, 0x49] || mark == [0x4D, 0x4D] else {
      return nil
    }
    let order: ByteOrder = mark[0] == 0x49 ? .little : .big
    let version = source.integer(at: base + 2, bytes: 2, order)
    guard version == 42 || version == 43 else { return nil }
    return (order, version == 43)
  }

  /// Reads the directory at a place after `base`; nil if there is none.
  init?(_ source: some ByteSource, base: Int, directory start: Int?) {
    guard let start, start > 0, let (order, isBig) = Self.form(source, base: base),
      let count = isBig
        ? Self.offset(source, at: base + start, isBig: true, order)
        : source.integer(at: base + start, bytes: 2, order)
    else { return nil }
    let first = base + start + (isBig ? 8 : 2)
    let entry = isBig ? 20 : 12
    // No useful directory has more entries; a BigTIFF could claim any number.
    let entries = min(count, 65_535)
    for index in 0..<entries {
      let at = first + index * entry
      guard let tag = source.integer(at: at, bytes: 2, order),
        let type = source.integer(at: at + 2, bytes: 2, order)
      else { break }
      guard [254, 255, 256, 257, 274].contains(tag), values[tag] == nil else { continue }
      let value = at + (isBig ? 12 : 8)
      switch type {
      case 1: values[tag] = source.integer(at: value, bytes: 1, order)
      case 3: values[tag] = source.integer(at: value, bytes: 2, order)
      case 4: values[tag] = source.integer(at: value, bytes: 4, order)
      case 16 where isBig: values[tag] = Self.offset(source, at: value, isBig: true, order)
      default: break
      }
    }
    next = Self.offset(source, at: first + count * entry, isBig: isBig, order)
  }

  /// Reads an offset of 4 or 8 bytes; nil if it exceeds the possible size of a file.
  private static func offset(_ source: some ByteSource, at place: Int, isBig: Bool, _ order: ByteOrder)
    -> Int?
  {
    guard isBig else { return source.integer(at: place, bytes: 4, order) }
    let (lowAt, highAt) = order == .little ? (place, place + 4) : (place + 4, place)
    guard let low = source.integer(at: lowAt, bytes: 4, order),
      let high = source.integer(at: highAt, bytes: 4, order), high < 1 << 16
    else { return nil }
    return high << 32 | low
  }
}
