import Imaging

/// The brush runs of Label Studio: a stream of bits with the red, green, blue and alpha of all pixels.
///
/// The stream has the number of values in 32 bits, the bits of a value less 1 in 5, and four sizes
/// less 1 in 4 bits each. Then come pieces: a bit that says whether one value is repeated, 2 bits that
/// choose a size, the length less 1 in as many bits, and the value or the values.
///
/// Source: the format of `rle-pack` (thi.ng/umbrella), which Label Studio uses.
extension RunLengths {
  /// Reads brush runs: pixels whose alpha is at least half, or any alpha where none exceeds 1.
  ///
  /// The second rule is for masks of 0 and 1, which the converter packs as they are.
  ///
  /// - Parameters:
  ///   - bytes: the stream.
  ///   - width: the columns of the image.
  ///   - height: the rows of the image.
  /// - Throws: `RunLengthError` for a stream that is cut short or of another size.
  package init(brush bytes: [UInt8], width: Int, height: Int) throws {
    let area = try Self.area(width: width, height: height)
    var stream = BitReader(bytes)
    let count = try stream.read(32)
    guard count == 4 * area else { throw RunLengthError.words(count, wanted: 4 * area) }
    let wordBits = try stream.read(5) + 1
    let sizes = try (0..<4).map { _ in try stream.read(4) + 1 }
    // The alpha of pixels next to each other, up to a position.
    var alphas: [(end: Int, alpha: Int)] = []
    func add(_ values: Range<Int>, _ value: Int) {
      // The alpha of a pixel is its fourth value.
      let pixels = values.lowerBound / 4..<values.upperBound / 4
      guard !pixels.isEmpty else { return }
      if let last = alphas.last, last.alpha == value { alphas.removeLast() }
      alphas.append((pixels.upperBound, value))
    }
    var position = 0
    while position < count {
      let isRun = try stream.read(1) == 1
      let choice = try stream.read(2)
      let length = try stream.read(sizes[choice]) + 1
      guard length <= count - position else {
        throw RunLengthError.length(length, sum: position, area: count)
      }
      if isRun {
        add(position..<position + length, try stream.read(wordBits))
      } else {
        for place in position..<position + length { add(place..<place + 1, try stream.read(wordBits)) }
      }
      position += length
    }
    let most = alphas.map(\.alpha).max() ?? 0
    let least = most <= 1 ? 1 : 128
    var start = 0
    var runs: [Range<Int>] = []
    for (end, alpha) in alphas {
      if alpha >= least { runs.append(start..<end) }
      start = end
    }
    try self.init(width: width, height: height, order: .rows, runs: runs)
  }

  /// The brush runs of a mask by rows over a whole image; foreground is 255 in all four channels.
  package var brush: [UInt8] {
    var stream = BitWriter()
    let sizes = [3, 4, 8, 16]
    stream.write(4 * width * height, bits: 32)
    stream.write(7, bits: 5)
    for size in sizes { stream.write(size - 1, bits: 4) }
    for (index, count) in counts.enumerated() {
      var rest = 4 * Int(count)
      while rest > 0 {
        let length = min(rest, 1 << 16)
        let choice = sizes.firstIndex { length <= 1 << $0 } ?? 3
        stream.write(1, bits: 1)
        stream.write(choice, bits: 2)
        stream.write(length - 1, bits: sizes[choice])
        stream.write(index % 2 == 1 ? 255 : 0, bits: 8)
        rest -= length
      }
    }
    return stream.bytes
  }

  /// Describes a part of a mask by rows over the whole image.
  ///
  /// - Throws: `RunLengthError` for an image that is too large.
  package init(wholeRowsOf component: MaskComponent, width: Int, height: Int) throws {
    var runs: [Range<Int>] = []
    for (index, flips) in component.rowFlips.enumerated() {
      let start = (component.box.y + index) * width
      for place in stride(from: 0, to: flips.count - 1, by: 2) {
        runs.append(start + flips[place]..<start + flips[place + 1])
      }
    }
    try self.init(width: width, height: height, order: .rows, runs: runs)
  }
}

/// Reads numbers of some bits, highest first.
private struct BitReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Reads a number of up to 32 bits.
  ///
  /// - Throws: `RunLengthError.cut` past the end.
  mutating func read(_ bits: Int) throws -> Int {
    guard position + bits <= 8 * bytes.count else { throw RunLengthError.cut }
    var (value, left) = (0, bits)
    while left > 0 {
      let offset = position % 8
      let taken = min(left, 8 - offset)
      let part = Int(bytes[position / 8]) >> (8 - offset - taken) & (1 << taken - 1)
      value = value << taken | part
      position += taken
      left -= taken
    }
    return value
  }
}

/// Writes numbers of some bits, highest first.
private struct BitWriter {
  private(set) var bytes: [UInt8] = []
  private var free = 0

  mutating func write(_ value: Int, bits: Int) {
    var left = bits
    while left > 0 {
      if free == 0 {
        bytes.append(0)
        free = 8
      }
      let taken = min(left, free)
      let part = value >> (left - taken) & (1 << taken - 1)
      bytes[bytes.count - 1] |= UInt8(truncatingIfNeeded: part << (free - taken))
      free -= taken
      left -= taken
    }
  }
}
