import Torch

/// Paints the values of a grid over a grey image, in the colours of viridis.
///
/// Low values are dark violet, high values are yellow. The cells are not smoothed: the map has the
/// resolution of its grid.
package enum HeatMap {
  /// The colours from low to high: viridis (Smith and van der Walt, 2015) at five equal steps.
  ///
  /// Its lightness always rises, so it also works in grey print and for colour-blind readers.
  package static let scale = [
    Overlay.Colour(red: 68, green: 1, blue: 84), Overlay.Colour(red: 59, green: 82, blue: 139),
    Overlay.Colour(red: 33, green: 145, blue: 140), Overlay.Colour(red: 94, green: 201, blue: 98),
    Overlay.Colour(red: 253, green: 231, blue: 37),
  ]

  /// The opacity of the colours.
  private static let cover = 0.65
  /// The brightness that remains at cells without a value.
  private static let dimming = 0.55

  /// Paints a map over an image.
  ///
  /// - Parameters:
  ///   - values: h×w; NaN for cells without a value.
  ///   - range: the values of the first and the last colour; values outside get the nearer of the
  ///     two.
  ///   - image: the image.
  /// - Returns: three channels, of the image's size.
  /// - Throws: `TorchError` if `values` has another rank.
  package static func draw(_ values: Tensor, range: ClosedRange<Double>, over image: Image) throws -> Image {
    let sizes = try values.sizes(rank: 2, "the map")
    let (height, width) = (image.height, image.width)
    let cells = try values.to(.float32).reshaped([1, 1, sizes[0], sizes[1]])
      .resized(height: height, width: width, interpolation: .nearest).reshaped([height, width, 1])
    let known = try cells.equals(cells)
    let span = max(range.upperBound - range.lowerBound, 1e-12)
    let share = try ((cells - range.lowerBound) / span).clamped(min: 0, max: 1)
    let place = try (known.choose(share, else: share.zerosLike()) * 255).rounded().to(.int64)
    let colour = try table().indexed(place.reshaped([-1])).reshaped([height, width, 3])
    let pixels = try image.rgb.pixels.withUnsafeBytes {
      try Tensor(bytes: $0, shape: [height, width, 3], dtype: .uint8)
    }.to(.float32)
    // Luma of BT.601, as in JPEG.
    let grey = try (pixels * Tensor([0.299, 0.587, 0.114] as [Float])).sum([2], keepDimensions: true)
    let painted = try known.choose(grey * (1 - cover) + colour * cover, else: grey * dimming)
    return try Image(
      width: width, height: height, channels: 3, pixels: painted.rounded().to(.uint8).contiguous().array())
  }

  /// 256 colours from low to high, 256×3.
  private static func table() throws -> Tensor {
    let stops = scale.map { [Float($0.red), Float($0.green), Float($0.blue)] }
    let values = (0..<256).flatMap { index -> [Float] in
      let place = Float(index) / 255 * Float(stops.count - 1)
      let low = min(Int(place), stops.count - 2)
      return (0..<3).map { stops[low][$0] + (stops[low + 1][$0] - stops[low][$0]) * (place - Float(low)) }
    }
    return try Tensor(values, shape: [256, 3])
  }
}
