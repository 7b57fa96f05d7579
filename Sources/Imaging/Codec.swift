import CImageCodecs

/// Decoded samples of the C libraries, before alpha, depth and orientation are processed.
struct Samples {
  /// 8-bit or 16-bit values.
  enum Values {
    case bytes([UInt8])
    case words([UInt16])
  }

  let layout: codec_layout
  let values: Values

  var width: Int { Int(layout.width) }
  var height: Int { Int(layout.height) }
  var channels: Int { Int(layout.channels) }
}

/// The C decoders, with results as values and failures as errors.
struct Codec {
  let file: String
  let format: ImageFormat
  let content: [UInt8]
  /// Whether to return palette indices.
  var indices = false
  /// For JPEG only: decode at 1/denominator of the size.
  var denominator = 1

  /// Reads the header, and rejects an image that is too large.
  func layout(limits: ImageLimits) throws -> codec_layout {
    var layout = codec_layout()
    if denominator > 1 {
      // The limit applies to the size in the file, not to the decoded size.
      try call { header(&layout, denominator: 1, message: $0) }
      try check(layout, limits: limits)
    }
    try call { header(&layout, denominator: denominator, message: $0) }
    try check(layout, limits: limits)
    return layout
  }

  /// Reads the header, rejects an image that is too large, and decodes.
  func decode(limits: ImageLimits) throws -> Samples {
    let layout = try layout(limits: limits)
    let count = Int(layout.width) * Int(layout.height) * Int(layout.channels)
    let values: Samples.Values
    if layout.bits == 16 {
      values = .words(
        try [UInt16](unsafeUninitializedCapacity: count) { buffer, used in
          try call { pixels(layout, into: buffer.baseAddress, message: $0) }
          used = count
        })
    } else {
      values = .bytes(
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
          try call { pixels(layout, into: buffer.baseAddress, message: $0) }
          used = count
        })
    }
    return Samples(layout: layout, values: values)
  }

  private func check(_ layout: codec_layout, limits: ImageLimits) throws {
    let (width, height) = (Int(layout.width), Int(layout.height))
    if limits.refuse(width: width, height: height) {
      throw ImagingError.tooManyPixels(file: file, width: width, height: height, limit: limits.maximumPixels)
    }
  }

  private func header(
    _ layout: inout codec_layout, denominator: Int, message: UnsafeMutablePointer<CChar>?
  ) -> Int32 {
    content.withUnsafeBufferPointer { bytes in
      switch format {
      case .jpeg:
        codec_jpeg_layout(bytes.baseAddress, bytes.count, Int32(denominator), &layout, message)
      case .png: codec_png_layout(bytes.baseAddress, bytes.count, indices ? 1 : 0, &layout, message)
      case .tiff: codec_tiff_layout(bytes.baseAddress, bytes.count, indices ? 1 : 0, &layout, message)
      case .bmp: Int32(CODEC_UNSUPPORTED)
      }
    }
  }

  private func pixels(
    _ layout: codec_layout, into samples: UnsafeMutableRawPointer?, message: UnsafeMutablePointer<CChar>?
  ) -> Int32 {
    var layout = layout
    return content.withUnsafeBufferPointer { bytes in
      switch format {
      case .jpeg:
        codec_jpeg_decode(
          bytes.baseAddress, bytes.count, Int32(denominator), &layout,
          samples?.assumingMemoryBound(to: UInt8.self), message)
      case .png:
        codec_png_decode(bytes.baseAddress, bytes.count, indices ? 1 : 0, &layout, samples, message)
      case .tiff:
        codec_tiff_decode(bytes.baseAddress, bytes.count, indices ? 1 : 0, &layout, samples, message)
      case .bmp: Int32(CODEC_UNSUPPORTED)
      }
    }
  }

  private func call(_ body: (UnsafeMutablePointer<CChar>?) -> Int32) throws {
    let (result, reason) = Self.withMessage(body)
    switch Int(result) {
    case CODEC_OK: return
    case CODEC_UNSUPPORTED: throw ImagingError.unsupported(file: file, format: format, reason: reason)
    default: throw ImagingError.damaged(file: file, format: format, reason: reason)
    }
  }

  /// Calls C with a buffer for a message, and returns its result and the message.
  static func withMessage(
    _ body: (UnsafeMutablePointer<CChar>?) throws -> Int32
  ) rethrows -> (Int32, String) {
    var message = [CChar](repeating: 0, count: Int(CODEC_MESSAGE_LENGTH))
    let result = try message.withUnsafeMutableBufferPointer { try body($0.baseAddress) }
    let bytes = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    // Messages may quote bytes of the file.
    let text = String(decoding: bytes, as: UTF8.self).unicodeScalars.map {
      $0.value < 32 || $0.value == 127 ? "?" : String($0)
    }
    return (result, text.joined())
  }
}
