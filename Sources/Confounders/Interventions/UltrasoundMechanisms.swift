import Torch

/// What an ultrasound machine's settings and the way of the sound do; each returns n×3×S×S.
struct UltrasoundMechanisms {
  let canvas: Canvas

  /// Every echo lifted by the same number of decibels: a sum, since the picture is logarithmic.
  func highGain() throws -> Tensor {
    let echo = try canvas.images.smoothStep(0, 0.12)
    return try canvas.images + echo * canvas.strength * 0.26
  }

  /// Every echo lowered: weak ones vanish.
  func lowGain() throws -> Tensor { try (canvas.images - canvas.strength * 0.24).relu() }

  /// Coarse speckle: echoes stronger and weaker in grains wider than they are deep.
  func speckle() throws -> Tensor {
    let grains = try canvas.field(down: 26, across: 16)
    return try canvas.images * (grains * canvas.strength * 0.32).exp()
  }

  /// The shadow behind something that lets no sound through: from a place downwards, a little wider with depth.
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
