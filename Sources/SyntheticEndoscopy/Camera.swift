/// The outline of the visible area of the optics.
package enum FieldOfView: String, Codable, CaseIterable, Sendable {
  /// A disc.
  case circle
  /// A square with cut corners.
  case octagon
  /// A square with round corners.
  case roundedSquare = "rounded square"
  /// The whole image.
  case full
}

/// The colour and light of a site's endoscope and video chain.
package struct Camera: Codable, Equatable, Sendable {
  /// The gains of red, green and blue.
  package var hue: [Double]
  /// The exponent of the tone curve; above 1 is darker.
  package var gamma: Double
  /// The factor on the distance of a colour from its grey; 1 does not change it.
  package var saturation: Double
  /// The outline of the image.
  package var fieldOfView: FieldOfView
  /// The share of light that is lost in the corners, 0 to 1.
  package var vignette: Double
  /// The standard deviation of the sensor noise, as a share of full scale.
  package var noise: Double
  /// The strength of the unsharp mask; 0 disables it.
  package var sharpening: Double
  /// The quality of the JPEG compression, 1 to 100; 100 disables it.
  package var compression: Int

  /// Makes a camera; the defaults change nothing.
  package init(
    hue: [Double] = [1, 1, 1], gamma: Double = 1, saturation: Double = 1, fieldOfView: FieldOfView = .full,
    vignette: Double = 0, noise: Double = 0, sharpening: Double = 0, compression: Int = 100
  ) {
    self.hue = hue
    self.gamma = gamma
    self.saturation = saturation
    self.fieldOfView = fieldOfView
    self.vignette = vignette
    self.noise = noise
    self.sharpening = sharpening
    self.compression = compression
  }
}
