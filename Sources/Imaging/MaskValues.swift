import CImageCodecs
import Foundation

/// The values of one mask, in a few numbers.
package struct MaskValues: Sendable, Equatable {
  /// The different values, in order.
  package var distinct: [UInt8] { present.elements }
  /// The number of pixels of each of these values; nil if they were not asked for.
  package let pixels: [Int]?
  /// The number of pixels.
  package let count: Int
  /// The share of pixels that are neither 0 nor 255.
  package let greyShare: Double
  /// The share of pixels from 32 to 223, which are near neither.
  package let middleShare: Double
  /// The values between 0 and 255 that fill areas and not only edges, in order.
  ///
  /// They are in the middle of 3×3 pixels of the same value. Smoothed edges are thinner.
  package var areas: [UInt8] { filled.elements }
  /// Whether the file stores one bit a pixel.
  package let isBilevel: Bool
  /// Whether compression changes values.
  package let isLossy: Bool
  private let present: ByteSet
  private let filled: ByteSet

  /// Counts the values of a mask.
  ///
  /// - Parameters:
  ///   - content: the mask.
  ///   - keepsPixels: whether to keep the number of pixels of each value.
  package init(_ content: MaskFile.Content, keepsPixels: Bool = true) {
    let image = content.image
    var (counts, flat) = ([UInt64](repeating: 0, count: 256), [UInt64](repeating: 0, count: 256))
    image.pixels.withUnsafeBufferPointer {
      codec_count_values($0.baseAddress, image.width, image.height, &counts, &flat)
    }
    present = ByteSet { counts[$0] > 0 }
    pixels = keepsPixels ? counts.filter { $0 > 0 }.map { Int($0) } : nil
    count = image.width * image.height
    greyShare = Double(counts[1...254].reduce(0, +)) / Double(count)
    middleShare = Double(counts[32...223].reduce(0, +)) / Double(count)
    filled = ByteSet { flat[$0] > 0 }
    (isBilevel, isLossy) = (content.isBilevel, content.isLossy)
  }

  /// Reads a mask and counts its values; it keeps the pixels of each value of a label map alone.
  ///
  /// - Throws: the errors of `MaskFile.read`.
  package init(reading url: URL, as meaning: MaskFile.Meaning = .grey, limits: ImageLimits = .default) throws
  {
    self.init(try MaskFile.content(url, as: meaning, limits: limits), keepsPixels: meaning == .indices)
  }
}

/// Some of the values 0 to 255.
///
/// It has a fixed size: an array for each of a million masks would scatter over the memory.
private struct ByteSet: Equatable {
  private var words = SIMD4<UInt64>.zero

  init(_ contains: (Int) -> Bool) {
    for value in 0...255 where contains(value) { words[value / 64] |= 1 << UInt64(value % 64) }
  }

  /// The values, in order.
  var elements: [UInt8] {
    (0...255).filter { words[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }.map { UInt8($0) }
  }
}
