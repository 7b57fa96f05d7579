import Torch

/// Mechanisms of imaging technology and colour settings; each returns n×3×S×S.
///
/// Black stays black.
struct ColourMechanisms {
  let canvas: Canvas

  /// Narrow bands: green light appears as red, blue light as green and blue; vessels absorb both.
  func narrowBand() throws -> Tensor {
    // The effect is mostly on or off. The strength gives its purity.
    let seen = try canvas.luminance.smoothed(0.02).smoothStep(0.02, 0.07)
    let share = try canvas.onset * (canvas.strength * 0.45 + 0.55) * seen
    let green = try canvas.images.narrowed(dim: 1, start: 1, length: 1)
    // Glints are capped, because their surroundings would look like vessels. Noise in the dark does
    // not count.
    let capped = try green.minimum(green.smoothed(0.03) * 1.15)
    let darker = try (capped.smoothed(0.018) - capped.smoothed(0.004)) / (capped + 0.15)
    let vessels = try (darker - 0.02).clamped(min: 0) * canvas.light.smoothStep(0.2, 0.6) * 5
    let dim = try 1 - vessels.clamped(max: 1) * share * 0.5
    let shown = try mixed([
      0.03, 0.74, 0.00,
      0.00, 0.58, 0.87,
      0.00, 0.36, 0.90,
    ])
    return try canvas.images.mixed(with: shown, share) * dim
  }

  /// A cold lamp: paler, bluer, slightly brighter.
  func whiteLight() throws -> Tensor {
    let pale = try mixed([
      0.750, 0.158, 0.072,
      0.151, 0.845, 0.084,
      0.187, 0.229, 0.824,
    ])
    let mix = try canvas.images.mixed(with: pale, canvas.strength)
    return try canvas.lit(mix, by: canvas.strength * canvas.presence * 0.18 + 1)
  }

  /// A yellow cast: old lamps, old slides, wrong white balance.
  func warm() throws -> Tensor {
    try canvas.images * (1 - canvas.colour(0, 0.10, 0.40) * canvas.strength)
  }

  /// The colours of another camera: each has its own factor, and the saturation changes.
  func tint() throws -> Tensor {
    let draws = try canvas.chance.map { try Tensor.randomNormal([1, 3, 1, 1], generator: $0) }
    let normal = try Tensor.concatenated(draws, dim: 0).to(canvas.images.device)
    let cast = try normal - normal.mean([1], keepDimensions: true)
    let unit = try cast / cast.norm(dims: [1], keepDimensions: true).clamped(min: 1e-3)
    let factors = try (unit * canvas.strength * 0.26).exp()
    let saturation = try canvas.sign() * canvas.strength * 0.25 + 1
    let grey = try canvas.luminance
    return try grey.mixed(with: canvas.images, saturation) * factors
  }

  /// Mixes the colours (columns: red, green, blue); each row gives a new colour.
  private func mixed(_ matrix: [Float]) throws -> Tensor {
    try canvas.images.conv2d(Tensor(matrix, shape: [3, 3, 1, 1]).to(canvas.images.device))
  }
}
