/// Paints agreement and errors of a prediction over a grey, dimmed image.
///
/// The colours are those of `Overlay`: blue for pixels of the reference only, yellow for pixels of
/// the prediction only. Pixels of both masks are white. So colour-blind readers can distinguish the
/// three kinds, also by their lightness.
package enum ErrorMap {
  /// Pixels of both masks: correct.
  package static let agreed = Overlay.Colour(red: 255, green: 255, blue: 255)
  /// Pixels of the prediction only.
  package static let excess = Overlay.Colour.prediction
  /// Pixels of the reference only.
  package static let missed = Overlay.Colour.reference

  /// The brightness that remains of the image, out of 256.
  private static let dimming = 110
  /// The opacity of the colours, out of 256.
  private static let cover = 200

  /// Paints the errors over an image.
  ///
  /// - Parameters:
  ///   - prediction: one channel; every pixel that is not 0 is inside.
  ///   - reference: the same.
  ///   - image: the image.
  /// - Returns: three channels, of the image's size.
  /// - Throws: `ImagingError.invalidImage` if a mask has another size than the image.
  package static func draw(prediction: Image, reference: Image, over image: Image) throws -> Image {
    for mask in [prediction, reference] {
      guard mask.channels == 1, mask.width == image.width, mask.height == image.height else {
        throw ImagingError.invalidImage(
          reason:
            "a mask of \(mask.width) × \(mask.height) pixels and \(mask.channels) channel(s) over a picture "
            + "of \(image.width) × \(image.height); resize the mask first")
      }
    }
    var pixels = image.rgb.pixels
    pixels.withUnsafeMutableBufferPointer { pixels in
      for i in 0..<image.width * image.height {
        // Luma of BT.601, as in JPEG.
        let (red, green, blue) = (Int(pixels[3 * i]), Int(pixels[3 * i + 1]), Int(pixels[3 * i + 2]))
        let grey = (((77 * red + 150 * green + 29 * blue) >> 8) * dimming) >> 8
        let colour: Overlay.Colour? =
          switch (prediction.pixels[i] != 0, reference.pixels[i] != 0) {
          case (true, true): agreed
          case (true, false): excess
          case (false, true): missed
          case (false, false): nil
          }
        let parts = colour.map { [$0.red, $0.green, $0.blue] }
        for c in 0..<3 {
          pixels[3 * i + c] = UInt8(parts.map { grey + (((Int($0[c]) - grey) * cover) >> 8) } ?? grey)
        }
      }
    }
    return Image(checkedWidth: image.width, height: image.height, channels: 3, pixels: pixels)
  }
}
