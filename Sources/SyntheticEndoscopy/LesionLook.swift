/// The look of a lesion class; shares and factors refer to the mucosa around it.
struct LesionLook {
  /// The range of radii, in half image widths.
  var radius: ClosedRange<Float>
  /// The largest ratio of length to breadth.
  var stretch: Float
  /// How wavy the outline is, and how rough.
  var waves: Float
  var roughness: Float = 0
  /// The ratio of height to radius, and how flat the top is.
  var height: Float
  var flatness: Float = 0.3
  /// The depth of lobes, which creases separate.
  var lobed: Float = 0
  /// Half the width of the edge, in radii.
  var softness: Float = 0.04
  var shadow: Float = 0
  /// The factors on the colour of the mucosa.
  var tint: Colour
  var texture: Float = 0.03
  /// How much lighter the rim is, because light shines through.
  var rim: Float = 0
  var ulcer: Float = 0
  var erosions: Float = 0
  var gloss: Float = 1
  /// The visibility of the wall's vessels, and the strength of the lesion's own (0: it has none).
  var vesselsKept: Float = 0
  var vesselStrength: Float = 0

  init(_ kind: LesionClass, _ noise: Noise) {
    var values = noise.values
    let vigour = values.uniform(0.6, 1.15)
    switch kind {
    case .polyp:
      (radius, stretch, waves, height) = (0.20...0.34, 1.45, 0.05, values.uniform(0.65, 1.0))
      tint = Colour(1.05, 0.86, 0.85)
      (shadow, gloss, texture, vesselsKept) = (0.42, 1.3, 0.07, 0.25)
    case .tumour:
      (radius, stretch, waves, height) = (0.32...0.46, 1.5, 0.12, values.uniform(0.35, 0.55))
      tint = Colour(0.86, 0.62, 0.64)
      (roughness, lobed, flatness, softness, shadow) = (0.10, 0.42, 0.6, 0.05, 0.35)
      (ulcer, texture, gloss) = (values.uniform(0.5, 1), 0.16, 0.9)
    case .inflammation:
      (radius, stretch, waves, height) = (0.34...0.50, 1.7, 0.16, 0.03)
      tint = Colour(1.0, 0.60, 0.58)
      (roughness, softness, texture) = (0.17, 0.17, 0.08)
      (erosions, gloss) = (0.85, 1.2)
    case .nodule:
      (radius, stretch, waves, height) = (0.11...0.18, 1.15, 0.03, values.uniform(0.7, 0.9))
      tint = Colour(1.08, 1.36, 1.30)
      (shadow, gloss, texture, flatness) = (0.42, 0.9, 0.02, 0.15)
    case .cyst:
      (radius, stretch, waves, height) = (0.20...0.32, 1.25, 0.02, values.uniform(0.6, 0.8))
      tint = values.isTrue(0.6) ? Colour(0.90, 1.20, 1.55) : Colour(1.06, 1.42, 1.10)
      (shadow, gloss, texture, flatness, rim) = (0.34, 2.2, 0.01, 0.55, 0.24)
      vesselStrength = values.uniform(0.45, 0.8)
    }
    tint = Colour(repeating: 1) + (tint - Colour(repeating: 1)) * vigour
  }
}
