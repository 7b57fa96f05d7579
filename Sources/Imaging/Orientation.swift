/// How a stored picture is to be turned to stand upright, as EXIF and TIFF number it.
enum Orientation: Int, CaseIterable {
  case up = 1
  case mirrored = 2
  case upsideDown = 3
  case flipped = 4
  case transposed = 5
  case turnedRight = 6
  case transversed = 7
  case turnedLeft = 8

  /// Whether width and height change places.
  var swapsSides: Bool { rawValue >= 5 }

  /// Turns a stored picture upright.
  func apply(_ image: Image) -> Image {
    if self == .up { return image }
    let (width, height, channels) = (image.width, image.height, image.channels)
    let (outWidth, outHeight) = swapsSides ? (height, width) : (width, height)
    // The stored pixel at the upright picture's top left, and the steps from it to the right and down.
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
