import CImageCodecs
import Foundation

/// The values of one mask, in a few numbers.
package struct MaskValues: Sendable, Equatable {
  /// The different values, in order.
  package let distinct: [UInt8]
  /// The number of pixels of each of these values.
  package let pixels: [Int]
  /// The number of pixels.
  package let count: Int
  /// The share of pixels that are neither 0 nor 255.
  package let greyShare: Double
  /// The share of pixels from 32 to 223, which are near neither.
  package let middleShare: Double
  /// The values between 0 and 255 that fill areas and not only edges, in order.
  ///
  /// They are in the middle of 3×3 pixels of the same value. Smoothed edges are thinner.
  package let areas: [UInt8]
  /// Whether the file stores one bit a pixel.
  package let isBilevel: Bool
  /// Whether compression changes values.
  package let isLossy: Bool

  /// Counts the values of a mask.
  package init(_ content: MaskFile.Content) {
    let image = content.image
    var (counts, flat) = ([UInt64](repeating: 0, count: 256), [UInt64](repeating: 0, count: 256))
    image.pixels.withUnsafeBufferPointer {
      codec_count_values($0.baseAddress, image.width, image.height, &counts, &flat)
    }
    distinct = counts.indices.filter { counts[$0] > 0 }.map { UInt8($0) }
    pixels = counts.filter { $0 > 0 }.map { Int($0) }
    count = image.width * image.height
    greyShare = Double(counts[1...254].reduce(0, +)) / Double(count)
    middleShare = Double(counts[32...223].reduce(0, +)) / Double(count)
    areas = flat.indices.filter { flat[$0] > 0 }.map { UInt8($0) }
    (isBilevel, isLossy) = (content.isBilevel, content.isLossy)
  }

  /// Reads a mask and counts its values.
  ///
  /// - Throws: the errors of `MaskFile.read`.
  package init(reading url: URL, as meaning: MaskFile.Meaning = .grey, limits: ImageLimits = .default) throws
  {
    self.init(try MaskFile.content(url, as: meaning, limits: limits))
  }
}
