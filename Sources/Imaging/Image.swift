/// An image in memory: 8-bit grey or RGB samples, interleaved, row by row from the top left.
public struct Image: Sendable, Equatable {
  /// The width in pixels.
  public let width: Int
  /// The height in pixels.
  public let height: Int
  /// The number of channels: 1 for grey, 3 for RGB.
  public let channels: Int
  /// The samples; there are `height × width × channels`.
  public let pixels: [UInt8]

  /// Makes an image from samples.
  ///
  /// - Throws: `ImagingError.invalidImage` if a size is not positive, the number of channels is not
  ///   1 or 3, or the number of samples is not `height × width × channels`.
  public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) throws {
    guard width > 0, height > 0 else {
      throw ImagingError.invalidImage(reason: "\(width) × \(height) pixels; both sides must be positive")
    }
    guard channels == 1 || channels == 3 else {
      throw ImagingError.invalidImage(reason: "\(channels) channels; give 1 (grey) or 3 (RGB)")
    }
    let (area, areaOverflow) = width.multipliedReportingOverflow(by: height)
    let (count, overflow) = area.multipliedReportingOverflow(by: channels)
    guard !areaOverflow, !overflow, pixels.count == count else {
      throw ImagingError.invalidImage(
        reason: "\(pixels.count) samples for \(width) × \(height) pixels of \(channels) channel(s)")
    }
    self.init(checkedWidth: width, height: height, channels: channels, pixels: pixels)
  }

  /// Makes an image without a check of its sizes; the caller guarantees them.
  init(checkedWidth width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    assert(pixels.count == width * height * channels)
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }

  /// The same image with three channels; a grey channel is repeated.
  public var rgb: Image {
    guard channels == 1 else { return self }
    let count = pixels.count
    let tripled = [UInt8](unsafeUninitializedCapacity: count * 3) { target, used in
      pixels.withUnsafeBufferPointer { source in
        for i in 0..<count {
          let value = source[i]
          target[3 * i] = value
          target[3 * i + 1] = value
          target[3 * i + 2] = value
        }
      }
      used = count * 3
    }
    return Image(checkedWidth: width, height: height, channels: 3, pixels: tripled)
  }

  /// Returns a grey image, or nil if the channels of a pixel differ by more than `tolerance`.
  func grey(tolerance: Int) -> Image? {
    guard channels == 3 else { return self }
    let count = width * height
    var agree = true
    let values = [UInt8](unsafeUninitializedCapacity: count) { target, used in
      pixels.withUnsafeBufferPointer { source in
        for i in 0..<count {
          let (red, green, blue) = (source[3 * i], source[3 * i + 1], source[3 * i + 2])
          let spread = Int(max(red, green, blue)) - Int(min(red, green, blue))
          if spread > tolerance { agree = false }
          target[i] = green
        }
      }
      used = count
    }
    return agree ? Image(checkedWidth: width, height: height, channels: 1, pixels: values) : nil
  }
}
