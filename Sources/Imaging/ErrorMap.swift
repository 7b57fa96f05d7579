/// Paints where a prediction and its reference agree and where they do not over the picture, which is made grey and dim.
///
/// Blue and yellow are those of `Overlay`: what only the reference has, and what only the prediction has. What both have is
/// white, so that the three are told apart by the colour-blind and by their lightness.
package enum ErrorMap {
  /// What both have: right.
  package static let agreed = Overlay.Colour(red: 255, green: 255, blue: 255)
  /// What the prediction has beyond the reference.
  package static let excess = Overlay.Colour.prediction
  /// What the prediction lacks.
  package static let missed = Overlay.Colour.reference

  /// How much of the picture's light is left, of 256.
  private static let dimming = 110
  /// How much of the colour covers it, of 256.
  private static let cover = 200

  /// Paints a picture.
  ///
  /// - Parameters:
  ///   - prediction: one channel; every pixel that is not 0 is inside.
  ///   - reference: the same.
  ///   - image: the picture.
  /// - Returns: three channels, of the picture's size.
  /// - Throws: `ImagingError.invalidImage` when a mask does not fit the picture.
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
        // Luma of BT.601, as JPEG has it.
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
