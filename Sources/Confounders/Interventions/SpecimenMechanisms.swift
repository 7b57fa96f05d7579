import Torch

/// Mechanisms of specimens and skin: staining, section, pigment; each returns n×3×S×S.
struct SpecimenMechanisms {
  let canvas: Canvas

  /// More dye: every optical density grows, so glass stays white.
  func strongStain() throws -> Tensor { try dyed(density * (canvas.strength * 0.9 + 1)) }

  /// Less dye.
  func weakStain() throws -> Tensor { try dyed(density * (1 - canvas.strength * 0.5)) }

  /// More haematoxylin and less eosin: purple.
  func haematoxylin() throws -> Tensor { try restained(Self.towardsHaematoxylin) }

  /// More eosin and less haematoxylin: pink.
  func eosin() throws -> Tensor { try restained(Self.towardsEosin) }

  /// A fold of the section: a band with two layers of tissue.
  func fold() throws -> Tensor {
    let (place, direction) = (try canvas.place(), try canvas.direction())
    let along = try (canvas.x - place.x) * direction.x + (canvas.y - place.y) * direction.y
    let ragged = try canvas.field([(1.5, 0.14), (5, 0.03)])
    let width = try canvas.strength * 0.12 + 0.04
    let cover = try ((along + ragged).magnitude() / width).smoothStep(1, 0.8) * canvas.onset
    let shift = max(1, canvas.size / 20)
    let other = try canvas.images.rolled([shift, shift], dims: [2, 3])
    return try canvas.images * (1 - (1 - other) * cover)
  }

  /// More melanin, which absorbs blue more than red.
  func darkPigment() throws -> Tensor {
    let absorption = try canvas.colour(-0.45, -0.75, -1.0)
    return try canvas.images * (absorption * canvas.strength).exp()
  }

  /// Less melanin: lighter and paler.
  func lightPigment() throws -> Tensor {
    let pale = try canvas.images.mixed(with: canvas.luminance, canvas.strength * 0.25)
    return try canvas.lit(pale, by: canvas.strength * canvas.presence * 0.9 + 1)
  }

  // The changes of the three optical densities at strength 1, from the stain vectors of Ruifrok and
  // Johnston (2001). They are haematoxylin × 1.7 with eosin × 0.65, and haematoxylin × 0.6 with
  // eosin × 1.75.
  private static let towardsHaematoxylin: [Float] = [
    0.881, -0.062, -0.259, 1.279, -0.430, -0.126, 0.414, -0.056, -0.101,
  ]
  private static let towardsEosin: [Float] = [
    -0.544, 0.080, 0.129, -1.285, 0.864, -0.191, -0.295, 0.098, 0.030,
  ]

  private func restained(_ change: [Float]) throws -> Tensor {
    let density = try self.density
    let weights = try Tensor(change, shape: [3, 3, 1, 1]).to(density.device)
    return try dyed((density + density.conv2d(weights) * canvas.strength).clamped(min: 0))
  }

  private var density: Tensor { get throws { try canvas.images.clamped(min: 1e-4).log() * -1 } }

  private func dyed(_ density: Tensor) throws -> Tensor { try (density * -1).exp() }
}
