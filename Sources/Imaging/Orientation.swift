/// The orientation of a stored image, with the numbers of EXIF and TIFF.
enum Orientation: Int, CaseIterable {
  case up = 1
  case mirrored = 2
  case upsideDown = 3
  case flipped = 4
  case transposed = 5
  case turnedRight = 6
  case transversed = 7
  case turnedLeft = 8

  /// Whether the orientation swaps width and height.
  var swapsSides: Bool { rawValue >= 5 }

  /// Turns a stored image upright.
  func apply(_ image: Image) -> Image {
    if self == .up { return image }
    let (width, height, channels) = (image.width, image.height, image.channels)
    let (outWidth, outHeight) = swapsSides ? (height, width) : (width, height)
    // The stored pixel at the top left of the upright image, and the steps from it to the right and
    // down.
    let (start, right, down): (Int, Int, Int) =
      switch self {
      case .up: (0, 1, width)
      case .mirrored: (width - 1, -1, width)
      case .upsideDown: (height * width - 1, -1, -width)
      case .flipped: ((height - 1) * width, 1, -width)
      case .transposed: (0, width, 1)
      case .turnedRight: ((height - 1) * width, -width, 1)
      case .transversed: (height * width - 1, -width, -1)
      case .turnedLeft: (width - 1, width, -1)
      }
    let count = image.pixels.count
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { target, used in
      image.pixels.withUnsafeBufferPointer { source in
        var out = 0
        for y in 0..<outHeight {
          var from = (start + y * down) * channels
          for _ in 0..<outWidth {
            for c in 0..<channels { target[out + c] = source[from + c] }
            out += channels
            from += right * channels
          }
        }
      }
      used = count
    }
    return Image(checkedWidth: outWidth, height: outHeight, channels: channels, pixels: pixels)
  }
}
