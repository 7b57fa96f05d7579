import Foundation

extension Overlay {
  /// Draws layers over an image, and looks at the pixels of a rectangle alone.
  ///
  /// The result is that of `draw` if the masks are empty outside the rectangle. It is quick for small
  /// lesions in large frames.
  ///
  /// - Parameters:
  ///   - layers: masks of the image's size, the first lowest.
  ///   - image: the image.
  ///   - rows: the rows of the rectangle.
  ///   - columns: the columns of the rectangle.
  /// - Returns: three channels, of the image's size.
  /// - Throws: `ImagingError.invalidImage` if a mask has another size, or the rectangle is outside.
  package static func draw(
    _ layers: [Layer], over image: Image, rows: Range<Int>, columns: Range<Int>
  ) throws -> Image {
    // One more pixel to each side keeps the mask off the edge of the part.
    let down = max(0, rows.lowerBound - 1)..<min(image.height, rows.upperBound + 1)
    let across = max(0, columns.lowerBound - 1)..<min(image.width, columns.upperBound + 1)
    guard !rows.isEmpty, !columns.isEmpty, !down.isEmpty, !across.isEmpty else { return image.rgb }
    let suited = max(1, (min(image.width, image.height) + 100) / 200)
    let whole = image.rgb
    let parts = try layers.map { layer in
      guard layer.mask.channels == 1, layer.mask.width == image.width, layer.mask.height == image.height
      else {
        throw ImagingError.invalidImage(
          reason: "a mask of \(layer.mask.width) × \(layer.mask.height) pixels over a frame of "
            + "\(image.width) × \(image.height)")
      }
      return Layer(
        mask: layer.mask.part(rows: down, columns: across), colour: layer.colour, fill: layer.fill,
        lineWidth: layer.lineWidth ?? suited)
    }
    let drawn = try draw(parts, over: whole.part(rows: down, columns: across))
    return whole.replacing(rows: down, columns: across, by: drawn)
  }
}

extension Image {
  /// Copies a part of the image; the rectangle must lie inside.
  fileprivate func part(rows: Range<Int>, columns: Range<Int>) -> Image {
    let line = columns.count * channels
    let samples = [UInt8](unsafeUninitializedCapacity: rows.count * line) { target, used in
      pixels.withUnsafeBufferPointer { source in
        for (place, row) in rows.enumerated() {
          copy(source, (row * width + columns.lowerBound) * channels, to: target, place * line, count: line)
        }
      }
      used = rows.count * line
    }
    return Image(checkedWidth: columns.count, height: rows.count, channels: channels, pixels: samples)
  }

  /// Returns the image with another part, of the same number of channels.
  fileprivate func replacing(rows: Range<Int>, columns: Range<Int>, by part: Image) -> Image {
    var samples = pixels
    let line = columns.count * channels
    samples.withUnsafeMutableBufferPointer { target in
      part.pixels.withUnsafeBufferPointer { source in
        for (place, row) in rows.enumerated() {
          copy(source, place * line, to: target, (row * width + columns.lowerBound) * channels, count: line)
        }
      }
    }
    return Image(checkedWidth: width, height: height, channels: channels, pixels: samples)
  }
}

/// Copies samples from one place to another; both buffers must have them.
private func copy(
  _ source: UnsafeBufferPointer<UInt8>, _ from: Int, to target: UnsafeMutableBufferPointer<UInt8>, _ to: Int,
  count: Int
) {
  guard let first = source.baseAddress, let start = target.baseAddress else { return }
  memcpy(start + to, first + from, count)
}
