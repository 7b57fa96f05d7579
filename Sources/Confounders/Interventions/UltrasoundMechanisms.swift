import Torch

/// Mechanisms of the settings of an ultrasound machine and of the sound path; each returns n×3×S×S.
struct UltrasoundMechanisms {
  let canvas: Canvas

  /// A higher gain: adds the same number of decibels to every echo, a sum in a logarithmic image.
  func highGain() throws -> Tensor {
    let echo = try canvas.images.smoothStep(0, 0.12)
    return try canvas.images + echo * canvas.strength * 0.26
  }

  /// A lower gain: weak echoes vanish.
  func lowGain() throws -> Tensor { try (canvas.images - canvas.strength * 0.24).relu() }

  /// Coarse speckle: stronger and weaker echoes in grains that are wider than deep.
  func speckle() throws -> Tensor {
    let grains = try canvas.field(down: 26, across: 16)
    return try canvas.images * (grains * canvas.strength * 0.32).exp()
  }

  /// The shadow behind an object that blocks sound; it runs downwards and widens with depth.
  func acousticShadow() throws -> Tensor {
    let place = try canvas.place()
    let depth = try (canvas.y - place.y).clamped(min: 0)
    let width = try canvas.strength * 0.12 + canvas.uniform(0.06, 0.16) + depth * 0.12
    let ragged = try canvas.field([(5, 0.05)])
    let across = try (canvas.x - place.x + ragged).magnitude() / width
    let dark = try across.smoothStep(1.15, 0.75) * depth.smoothStep(0, 0.12)
    return try canvas.images * (1 - dark * canvas.strength * 0.85)
  }
}
