import Torch

/// Mechanisms of the lamp; each returns n×3×S×S.
///
/// Black borders stay black.
struct LightMechanisms {
  let canvas: Canvas

  /// Too much light with haze.
  func bright() throws -> Tensor {
    let amount = try canvas.strength * canvas.presence
    return try canvas.lit(by: amount * 1.5 + 1) + amount * 0.06
  }

  /// Too little light, darkest at the edges.
  func dark() throws -> Tensor {
    let strength = canvas.strength
    let edges = try 1 - (radius * strength * 0.22).clamped(max: 0.6)
    return try canvas.images * (1 - strength * 0.56) * edges
  }

  /// A spot of light at any place; the rest is in shade.
  func uneven() throws -> Tensor {
    let square = try canvas.distance(to: canvas.place(within: 0.75))
    let falloff = try (square * 4.2 + 1).power(-2)
    let lamp = try (falloff * 1.9 - 0.68) * canvas.strength + 1
    return try canvas.lit(by: lamp)
  }

  /// A soft shadow with one edge, as from a fold, an instrument or a floating body.
  func shadow() throws -> Tensor {
    let (place, direction) = (try canvas.place(), try canvas.direction())
    let along = try (canvas.x - place.x) * direction.x + (canvas.y - place.y) * direction.y
    let width = try canvas.strength * 0.25 + canvas.uniform(0.16, 0.30)
    let ragged = try canvas.field([(1.6, 0.10), (4, 0.03)])
    let depth = try ((along + ragged).magnitude() / width).smoothStep(1.4, 0.4)
    return try canvas.images * (1 - depth * canvas.strength * 0.66)
  }

  /// A loss of light towards the edges.
  func vignette() throws -> Tensor {
    let edge = try radius.smoothStep(0.20, 1.30)
    return try canvas.images * (1 - edge * canvas.strength * 0.88)
  }

  /// A veil between lens and tissue: paler, flatter, softer.
  func haze() throws -> Tensor {
    let strength = canvas.strength
    let soft = try canvas.images.smoothed(strength * 0.008)
    let cloud = try canvas.field([(1.2, 0.16), (2.5, 0.08)]) + 1
    let cover = try (strength * 0.48 * cloud).clamped(min: 0, max: 0.8) * canvas.presence
    let light = try canvas.light * 0.34 + 0.34
    let colour = try canvas.colour(1.03, 1.0, 0.94)
    return try soft.mixed(with: light * colour, cover)
  }

  /// A lower contrast: every value moves towards the mean of the image.
  func lowContrast() throws -> Tensor {
    let presence = try canvas.presence
    let dims = [2, 3]
    let weight = try presence.sum(dims, keepDimensions: true) + 1e-3
    let mean = try (canvas.images * presence).sum(dims, keepDimensions: true) / weight
    return try canvas.images.mixed(with: mean, presence * canvas.strength * 0.68)
  }

  /// Squared distances from the centre: 1×1×S×S.
  private var radius: Tensor { get throws { try canvas.x.power(2) + canvas.y.power(2) } }
}
