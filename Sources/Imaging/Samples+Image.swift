extension Samples {
  /// Returns the image for display.
  ///
  /// It scales 16 bits to 8 with rounding, and blends transparent parts with black.
  func picture() -> Image {
    let bytes: [UInt8]
    switch values {
    case .bytes(let stored): bytes = stored
    case .words(let words): bytes = words.map(Self.scaled)
    }
    let colours = channels >= 3 ? 3 : 1
    guard channels != colours else { return image(bytes, colours) }
    let isPremultiplied = layout.premultiplied != 0
    return image(
      Self.withoutAlpha(bytes, colours: colours) { value, alpha in
        isPremultiplied ? value : UInt8((UInt32(value) * UInt32(alpha) + 127) / 255)
      }, colours)
  }

  /// Returns the image for its values: 16-bit values must fit in 8 bits, and alpha never blends.
  ///
  /// A pixel that is at most half opaque becomes 0. Other pixels keep their value, because a blend
  /// of two labels would be a third label.
  func labels(file: String) throws -> Image {
    let colours = channels >= 3 ? 3 : 1
    let bytes: [UInt8]
    switch values {
    case .bytes(let stored): bytes = stored
    case .words(let words):
      bytes = try Self.narrowed(words, channels: channels, hasAlpha: channels != colours, file: file)
    }
    guard channels != colours else { return image(bytes, colours) }
    let opaque = image(Self.withoutAlpha(bytes, colours: colours) { $1 > 127 ? $0 : 0 }, colours)
    // Nothing is left, though pixels differ: they are hidden, or the transparency is the mask.
    if !opaque.pixels.contains(where: { $0 != 0 }), bytes.dropFirst(channels) != bytes.dropLast(channels) {
      throw ImagingError.transparentMask(file: file)
    }
    return opaque
  }

  private func image(_ bytes: [UInt8], _ channels: Int) -> Image {
    Image(checkedWidth: width, height: height, channels: channels, pixels: bytes)
  }

  private static func scaled(_ word: UInt16) -> UInt8 { UInt8((UInt32(word) * 255 + 32_767) / 65_535) }

  /// Returns the values of a 16-bit mask without change.
  ///
  /// A mask that holds only 0 and 65,535 gives 0 and 255.
  private static func narrowed(_ words: [UInt16], channels: Int, hasAlpha: Bool, file: String) throws
    -> [UInt8]
  {
    let alpha = hasAlpha ? channels - 1 : -1
    var largest: UInt16 = 0
    var isBinary = true
    for (index, word) in words.enumerated() where index % channels != alpha {
      largest = max(largest, word)
      if word != 0 && word != .max { isBinary = false }
    }
    guard largest <= 255 || isBinary else {
      throw ImagingError.labelTooLarge(file: file, value: Int(largest))
    }
    return words.enumerated().map { index, word in
      isBinary || index % channels == alpha ? scaled(word) : UInt8(truncatingIfNeeded: word)
    }
  }

  /// Drops the last channel; `blend` maps each value and the alpha of its pixel.
  private static func withoutAlpha(_ bytes: [UInt8], colours: Int, blend: (UInt8, UInt8) -> UInt8) -> [UInt8]
  {
    let count = bytes.count / (colours + 1)
    return [UInt8](unsafeUninitializedCapacity: count * colours) { target, used in
      bytes.withUnsafeBufferPointer { source in
        for i in 0..<count {
          let from = i * (colours + 1)
          let alpha = source[from + colours]
          for c in 0..<colours { target[i * colours + c] = blend(source[from + c], alpha) }
        }
      }
      used = count * colours
    }
  }
}
